"""An MLflow registry behaves as every registry does, where it can; what it cannot is listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from mlflow_place import MlflowPlace

from modelry import wiring
from modelry.core.repository import RegistryRepository
from modelry.testing.behaviour import RegistryBehaviour


class TestMlflow(RegistryBehaviour):
    """Every test of the suite runs; those in `refused` must end in `Unsupported`."""

    refused: ClassVar[Mapping[str, str]] = {
        "test_accounts_are_made_once_and_shut_out test_members_have_one_role_in_a_project "
        "test_a_token_is_shown_once_listed_and_revoked test_a_pipeline_is_trusted_by_its_claims "
        "test_every_change_of_who_may_come_in_is_in_the_log": "people are MLflow's own affair",
        "test_one_model_is_carried_with_its_history_and_bytes test_what_is_no_archive_is_refused "
        "test_a_model_of_another_history_is_not_written_over test_a_backup_is_whole":
            "an archive holds a history, and MLflow has none",
        "test_a_deleted_version_is_gone_and_its_history_stays test_rollbacks_go_back_one_by_one"
        "_until_nothing_is_left test_a_deleted_model_takes_its_versions_along "
        "test_an_archived_version_is_named_by_no_stage_and_can_come_back "
        "test_aliases_point_where_they_were_last_put "
        "test_a_promotion_moves_the_pointer_and_archives_what_it_displaces": "comments are lost",
        "test_a_purge_frees_bytes_that_nobody_else_names test_bytes_are_verified_and_collected "
        "test_records_are_audited_against_a_checkpoint": "MLflow has no digests and no hashes",
        "test_a_project_is_made_once_with_the_usual_stages test_a_stage_that_is_in_use_stays "
        "test_stages_change_and_their_rules_hold test_the_history_of_a_project_is_paged":
            "there are no projects, and four stages",
        "test_the_log_tells_of_every_model_latest_first": "there is no log",
        "test_a_search_is_paged_and_kept_to_a_project": "a search cannot sort by metrics",
        "test_a_deployment_tells_when_where_which_version_and_by_whom test_a_long_list_comes_in_pages "
        "test_deployments_are_listed_latest_first_of_one_target_or_of_all "
        "test_deployments_are_carried_with_their_model test_only_a_registered_version_is_deployed":
            "there are no deployments",
        "test_of_two_who_looked_one_wins": "MLflow cannot compare and move at once",
        "test_the_environment_is_that_of_whoever_registered": "there is no environment",
        "test_a_folder_keeps_its_paths_and_gives_them_back": "a file there has no # in its name",
    }  # fmt: skip
    different: ClassVar[Mapping[str, str]] = {
        "test_the_history_is_paged_and_ends_at_a_time test_tags_and_descriptions_change_with_a_record "
        "test_the_history_of_a_version_holds_what_touched_it":
            "MLflow knows when a version was registered, and nothing else that happened",
        "test_a_name_in_other_letters_is_the_same_model test_a_model_can_be_made_before_its_versions":
            "MLflow tells letters apart",
        "test_a_page_has_a_size test_a_cursor_of_something_else_is_refused":
            "they ask for the log too; test_mlflow_remote.py asks for the others",
        "test_a_version_holds_everything_that_was_said_of_it": "the source is the run's folder",
        "test_a_deleted_label_never_comes_back": "MLflow forgets what was deleted, but the number",
        "test_names_and_paths_that_are_none_are_refused": "no project can be made there",
    }  # fmt: skip

    @pytest.fixture
    def registry(self, mlflow_place: MlflowPlace, tmp_path: Path) -> Iterator[RegistryRepository]:
        with wiring.connect(f"mlflow:{mlflow_place.make('one')}", home=tmp_path / "h1") as opened:
            yield opened

    @pytest.fixture
    def elsewhere(self, mlflow_place: MlflowPlace, tmp_path: Path) -> Iterator[RegistryRepository]:
        with wiring.connect(f"mlflow:{mlflow_place.make('two')}", home=tmp_path / "h2") as opened:
            yield opened
