"""Promoting, archiving, rolling back and aliases, wherever the registry is."""

from __future__ import annotations

import pytest

from modelry.core.errors import Conflict, Invalid, NotFound
from modelry.core.repository import RegistryRepository
from modelry.testing.behaviour_fixtures import BehaviourFixtures


def _stages(registry: RegistryRepository) -> dict[int, str]:
    return {version.number: version.stage for version in registry.versions("m")}


class StageBehaviour(BehaviourFixtures):
    """Pointers move by rules."""

    def test_a_promotion_moves_the_pointer_and_archives_what_it_displaces(
        self, three: RegistryRepository
    ) -> None:
        assert three.promote("m:1", "Production", comment="first").stage == "production"
        three.promote("m:2", "production")
        assert three.resolve("m@production").number == 2
        assert _stages(three) == {1: "archived", 2: "production", 3: "none"}
        event = three.history("m").events[0]
        assert (event.number, event.body["from"], event.body["to"]) == (2, "none", "production")
        assert three.history("m").events[1].comment == "first"

    @pytest.mark.parametrize(
        ("displace", "stage"),
        [("keep", "production"), ("staging", "staging"), ("archive", "archived")],
    )
    def test_the_caller_may_say_where_the_displaced_version_goes(
        self, three: RegistryRepository, displace: str, stage: str
    ) -> None:
        three.promote("m:1", "production")
        three.promote("m:2", "production", displace=displace)
        assert _stages(three)[1] == stage
        assert three.resolve("m@production").number == 2

    def test_a_promotion_that_changes_nothing_leaves_no_record(
        self, three: RegistryRepository
    ) -> None:
        three.promote("m:1", "production")
        before = three.history("m").events
        assert three.promote("m@production", "production").number == 1
        assert three.history("m").events == before

    def test_of_two_who_looked_one_wins(self, three: RegistryRepository) -> None:
        three.promote("m:1", "production", expect="none")
        words = "^production of m names version 1 now, not none; look again and decide$"
        with pytest.raises(Conflict, match=words):
            three.promote("m:2", "production", expect="none")
        three.promote("m:2", "production", expect="v1")
        with pytest.raises(Conflict, match="names version 2 now, not 1"):
            three.promote("m:3", "production", expect="1")
        with pytest.raises(Conflict, match="names nothing now"):
            three.promote("m:3", "staging", expect="1")

    def test_what_cannot_be_promoted_is_refused(self, three: RegistryRepository) -> None:
        with pytest.raises(Invalid, match="say which version to promote"):
            three.promote("m", "production")
        with pytest.raises(Invalid, match="there is no stage 'prod' here; choose one of: none"):
            three.promote("m:1", "prod")
        with pytest.raises(Invalid, match="displaced versions cannot go to production"):
            three.promote("m:1", "production", displace="production")
        with pytest.raises(NotFound, match="no version of m is in production"):
            three.resolve("m@PRODUCTION")
        with pytest.raises(NotFound, match="no stage or alias 'prod'; there are: none yet"):
            three.resolve("m@prod")

    def test_rollbacks_go_back_one_by_one_until_nothing_is_left(
        self, three: RegistryRepository
    ) -> None:
        for number in (1, 2, 3):
            three.promote(f"m:{number}", "production")
        assert three.rollback("m", comment="slow").number == 2
        assert three.rollback("m", "production").number == 1
        assert three.history("m").events[1].comment == "slow"
        with pytest.raises(Conflict, match="no earlier version"):
            three.rollback("m")
        with pytest.raises(NotFound, match="there is no model absent"):
            three.rollback("absent")

    def test_an_archived_version_is_named_by_no_stage_and_can_come_back(
        self, three: RegistryRepository
    ) -> None:
        three.promote("m:1", "production")
        assert three.archive("m@production", comment="stop").stage == "archived"
        with pytest.raises(NotFound, match="no version of m is in production"):
            three.resolve("m@production")
        assert three.promote("m:1", "none").stage == "none"
        with pytest.raises(Invalid, match="say which version to archive"):
            three.archive("m")

    def test_a_model_alone_means_production_else_the_latest(
        self, three: RegistryRepository
    ) -> None:
        assert three.resolve("m").number == 3
        three.promote("m:1", "production")
        assert three.resolve("m").number == 1
        assert three.use("m").read_text() == "weights 1"

    def test_aliases_point_where_they_were_last_put(self, three: RegistryRepository) -> None:
        three.alias("m", "Champion", "1")
        three.alias("m", "champion", "m:2")
        three.promote("m:2", "production")
        three.alias("m", "live", "@production", comment="for the dashboard")
        assert three.resolve("m@champion").aliases == ("champion", "live")
        assert three.resolve("m:1").aliases == ()
        three.remove_alias("m", "CHAMPION", comment="over")
        assert three.history("m").events[0].comment == "over"
        with pytest.raises(NotFound, match="there are: live, production"):
            three.resolve("m@champion")
        with pytest.raises(NotFound, match="it has: live"):
            three.remove_alias("m", "champion")

    def test_aliases_keep_to_their_model_and_out_of_the_stages(
        self, three: RegistryRepository
    ) -> None:
        with pytest.raises(Conflict, match="'staging' is a stage"):
            three.alias("m", "Staging", "1")
        with pytest.raises(Invalid, match="not a version of m"):
            three.alias("m", "x", "other:1")
        with pytest.raises(Invalid):
            three.alias("m", "v1", "1")
        with pytest.raises(NotFound):
            three.alias("m", "x", "9")
