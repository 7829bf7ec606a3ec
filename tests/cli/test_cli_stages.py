from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from answers import Command

MakeFile = Callable[[str, bytes], str]
pytestmark = pytest.mark.usefixtures("three_versions")


def test_promote_says_where_the_version_is_now(run: Command) -> None:
    said = run("promote", "credit-risk:3", "production", "--comment", "why not")
    document = run("promote", "credit-risk:1", "staging", "--json").document

    assert said.lines == ["credit-risk:3 (1.2.0) is in production now"]
    assert document["stage"] == "staging"
    assert run("show", "credit-risk:2", "--json").document["stage"] == "archived"


def test_promote_can_say_where_the_displaced_version_goes(run: Command) -> None:
    run("promote", "credit-risk:3", "production", "--displace", "staging")

    assert run("show", "credit-risk:2", "--json").document["stage"] == "staging"
    assert "choose one of" in run(
        "promote", "credit-risk:1", "production", "--displace", "nowhere", code=1).err  # fmt: skip


def test_promote_is_refused_where_somebody_was_faster(run: Command) -> None:
    said = run("promote", "credit-risk:3", "production", "--expect", "1", code=1)
    run("promote", "credit-risk:3", "production", "--expect", "2")

    assert said.err == ("modelry: production of credit-risk names version 2 now, not 1; "
                        "look again and decide\n")  # fmt: skip


def test_rollback_goes_back_one_step_each_time(run: Command) -> None:
    said = run("rollback", "credit-risk", "-m", "errors")

    assert said.lines == ["production of credit-risk is back at credit-risk:1 (1.0.0)"]
    assert run("rollback", "credit-risk", "production", code=1).err == (
        "modelry: production of credit-risk has no earlier version to go back to\n"
    )
    run("promote", "credit-risk:2", "production")
    assert run("rollback", "credit-risk", "--json").document["number"] == 1


def test_archive_retires_a_version(run: Command) -> None:
    said = run("archive", "credit-risk@production", "-m", "old")

    assert said.lines == ["credit-risk:2 (1.1.0) is archived now"]
    assert run("archive", "credit-risk:3", "--json").document["stage"] == "archived"


def test_an_alias_is_set_moved_and_taken_away(run: Command) -> None:
    assert run("alias", "credit-risk", "Best", "1.2.0").lines == [
        "credit-risk@best names credit-risk:3 now"
    ]
    assert run("alias", "credit-risk", "best", "@production", "--json").document == {
        "model": "credit-risk", "alias": "best", "ref": "credit-risk:2"}  # fmt: skip
    assert run("alias", "credit-risk", "best", "--delete").lines == ["credit-risk@best is gone"]
    assert run("alias", "credit-risk", "champion", "--delete", "--json").document["ref"] is None
    assert "has no alias 'best'" in run("alias", "credit-risk", "best", "--delete", code=1).err


def test_an_alias_wants_a_version_or_delete_and_not_both(run: Command) -> None:
    assert "say which version it names" in run("alias", "credit-risk", "best", code=2).err
    both = run("alias", "credit-risk", "best", "1", "--delete", code=2)
    assert "--delete takes no version" in both.err


def test_tags_are_set_and_removed_on_versions_and_models(run: Command) -> None:
    said = run("tag", "credit-risk:1", "reviewed", "by=ada", "--remove", "team")

    assert said.lines == ["tags of credit-risk:1: by=ada, reviewed"]
    assert run("tag", "credit-risk", "owner=a=b", "--json").document == {
        "ref": "credit-risk", "tags": {"owner": "a=b"}, "description": ""}  # fmt: skip
    assert run("tag", "credit-risk", "--remove", "owner").lines == ["tags of credit-risk: none"]
    assert "no tag 'owner'" in run("tag", "credit-risk", "--remove", "owner", code=1).err
    assert "say which tags to set" in run("tag", "credit-risk", code=2).err


def test_a_description_is_replaced(run: Command) -> None:
    assert run("describe", "credit-risk:1", "a baseline").lines == [
        "description of credit-risk:1: a baseline"
    ]
    document = run("describe", "credit-risk", "scores loans", "--json").document
    assert document["description"] == "scores loans"
    assert run("describe", "credit-risk", "").lines == ["description of credit-risk: none"]


def test_stages_are_shown_and_set_from_what_show_prints(run: Command, tmp_path: Path) -> None:
    said = run("stages", "show")
    document = run("stages", "show", "--json").document
    document["stages"].insert(2, {"name": "canary", "exclusive": True})
    (tmp_path / "stages.json").write_text(json.dumps(document))
    changed = run("stages", "set", "stages.json")
    again = run("stages", "set", "stages.json", "--json").document

    assert [line.split()[0] for line in said.lines] == [
        "STAGE", "none", "staging", "production", "archived"]  # fmt: skip
    assert [line.split()[0] for line in changed.lines][3] == "canary"
    assert again["project"] == "default"
    assert run("promote", "credit-risk:3", "canary").out.startswith("credit-risk:3 (1.2.0) is in")


def test_stages_can_be_a_bare_list_of_names_for_another_project(
    run: Command, tmp_path: Path
) -> None:
    run("project", "create", "ops")
    (tmp_path / "s.json").write_text('["new", "live"]')
    run("stages", "set", "s.json", "--project", "ops")

    assert [line.split()[0] for line in run("stages", "show", "ops").lines[1:]] == ["new", "live"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not acceptable JSON"),
        ('{"a": 1}', "holds no list of stages"),
        ('["one"]', "at least two"),
        ('["none", "production"]', "versions are in the stage archived"),
    ],
)
def test_stages_that_make_no_sense_are_refused(
    run: Command, tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "s.json").write_text(text)
    said = run("stages", "set", "s.json", code=1)

    assert says in said.err
    assert said.err.count("\n") == 1
    assert "does not exist" in run("stages", "set", "nowhere.json", code=2).err
