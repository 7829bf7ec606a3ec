from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
import typer
from answers import Command
from rich.console import Console

from modelry.cli.pages.history import history_page
from modelry.cli.pages.page import Sheet
from modelry.cli.pages.sentences import DEEDS, deed
from modelry.cli.when import moment_of
from modelry.core.events import Event, EventKind
from modelry.core.strict_json import Json
from modelry.core.verbs.look import History

MakeFile = Callable[[str, bytes], str]
NOW = 1_780_000_000_000_000
HOUR = 3_600_000_000
MOVE: Mapping[str, Json] = {
    "from": "staging", "to": "production", "stages": [[3, "staging", "production"],
    [2, "production", "archived"]], "moves": [["production", "stage", 3, 9, 7],
    ["staging", "stage", None, 9, 8]], "comment": "beats the baseline",
}  # fmt: skip


TOKEN: Mapping[str, Json] = {"token": "t1", "account": "ada", "name": "laptop", "role": None}
PUBLISHER: Mapping[str, Json] = {
    "publisher": "p1", "claims": {"repository": "o/r", "ref": "main"}}  # fmt: skip


def event(kind: EventKind, body: Mapping[str, Json], number: int | None = 3) -> Event:
    return Event("default/churn", 9, kind, "ada", NOW - 2 * HOUR, number, body, "", "")


SENTENCES: list[tuple[EventKind, Mapping[str, Json], int | None, str]] = [
    (EventKind.PROJECT_CREATED, {"stages_are": [{"name": "none"}, {"name": "live"}]}, None,
     "created the project default/churn with the stages none, live"),
    (EventKind.STAGES_CHANGED, {"stages_are": [{"name": "none"}, {"name": "live"}]}, None,
     "set up the project default/churn with the stages none, live"),
    (EventKind.MODEL_CREATED, {"model": {"name": "churn"}}, None, "created the model"),
    (EventKind.MODEL_TAGGED, {"tags": {"a": "1", "b": ""}}, None,
     "set the tags of the model: a=1, b"),
    (EventKind.MODEL_TAGGED, {"tags": {}}, None, "removed the tags of the model"),
    (EventKind.MODEL_DESCRIBED, {"description": "It\nscores."}, None,
     "described the model: “It scores.”"),
    (EventKind.MODEL_DELETED, {"buried": [1, 2]}, None, "deleted the model with its 2 versions"),
    (EventKind.MODEL_RENAMED, {"renamed_to": "risk"}, None,
     "renamed the model to risk; nothing more happens here"),
    (EventKind.MODEL_RENAMED, {"renamed_from": "risk", "versions": []}, None,
     "renamed the model, which was risk"),
    (EventKind.MODEL_RENAMED, {"renamed_from": "risk"}, None,
     "brought what its stages named before"),
    (EventKind.MODEL_IMPORTED, {"up_to": [12, "ab"]}, None,
     "imported the model and its 12 records from another registry"),
    (EventKind.REGISTERED, {"version": "1.2.0"}, 3, "registered version 3 (1.2.0)"),
    (EventKind.REGISTERED, {"version": "1", "model": {}}, 1,
     "registered version 1, the first of this model"),
    (EventKind.PROMOTED, MOVE, 3,
     "promoted version 3 to production, displacing version 2 (archived); staging names nothing now"),
    (EventKind.PROMOTED, {"to": "production", "stages": [[1, "a", "b"], [2, "a", "b"],
     [3, "x", "y"], [4, "a", "c"]]}, 3,
     "promoted version 3 to production, displacing versions 1 and 2 (b) and version 4 (c)"),
    (EventKind.ARCHIVED, {"to": "archived", "moves": [["production", "stage", None, 1, None]]}, 3,
     "archived version 3; production names nothing now"),
    (EventKind.TAGGED, {"tags": {"a": "1"}}, 3, "set the tags of version 3: a=1"),
    (EventKind.DESCRIBED, {"description": ""}, 3, "removed the description of version 3"),
    (EventKind.DELETED, {"buried": [3]}, 3, "deleted version 3"),
    (EventKind.PURGED, {}, 3, "purged the bytes of version 3"),
    (EventKind.DEPLOYED, {"target": "eu", "version": "1.0.0"}, 3, "deployed version 3 to eu"),
    (EventKind.ROLLED_BACK, {**MOVE, "moves": []}, 3,
     "rolled production back to version 3, displacing version 2 (archived)"),
    (EventKind.ALIAS_SET, {"alias": "best"}, 3, "pointed the alias best at version 3"),
    (EventKind.DENIED, {"asked": "promote", "to": "production"}, 3,
     "was denied to bring version 3 to production"),
    (EventKind.DENIED, {"asked": "register in risk", "reason": "is not a member",
                        "what": "risk/m", "unrecorded": 2}, None,
     "was denied to register in risk (risk/m), after 2 denials like it: is not a member"),
    (EventKind.DENIED, {"asked": "register", "reason": "it is there", "what": "m",
                        "version": "1.0"}, None, "was denied to register (m 1.0): it is there"),
    (EventKind.ALIAS_REMOVED, {"alias": "best"}, 3, "removed the alias best from version 3"),
    (EventKind.MEMBER_SET, {"account": "ada", "role": "admin", "before": None}, None,
     "gave ada the role admin in default/churn"),
    (EventKind.MEMBER_SET, {"account": "ada", "role": "reader", "before": "admin"}, None,
     "gave ada the role reader in default/churn, who was admin"),
    (EventKind.MEMBER_REMOVED, {"account": "ada", "before": "admin"}, None,
     "took the role admin in default/churn from ada"),
    (EventKind.ACCOUNT_CREATED, {"account": "ada", "kind": "user"}, None,
     "created the account ada"),
    (EventKind.ACCOUNT_CREATED, {"account": "ci", "kind": "service"}, None,
     "created the service account ci"),
    (EventKind.ACCOUNT_DISABLED, {"account": "ada"}, None, "disabled the account ada"),
    (EventKind.ACCOUNT_ENABLED, {"account": "ada"}, None, "enabled the account ada again"),
    (EventKind.TOKEN_CREATED, {**TOKEN, "role": "reader", "project": "risk"}, None,
     "made the token t1 (laptop) of ada, limited to reader and risk"),
    (EventKind.TOKEN_REVOKED, TOKEN, None, "revoked the token t1 (laptop) of ada"),
    (EventKind.PUBLISHER_TRUSTED, {**PUBLISHER, "account": "c", "role": "reader"}, None,
     "trusted the publisher p1 (ref=main, repository=o/r) to act in default/churn as c (reader)"),
    (EventKind.PUBLISHER_DISTRUSTED, PUBLISHER, None,
     "trusts the publisher p1 (ref=main, repository=o/r) no more"),
    (EventKind.EXPERIMENT_CREATED, {"name": "digits", "experiment": "7"}, None,
     "created the experiment digits (7)"),
    (EventKind.EXPERIMENT_RENAMED, {"name": "digits", "before": "try"}, None,
     "renamed the experiment try to digits"),
    (EventKind.EXPERIMENT_DELETED, {"name": "digits", "experiment": "7", "runs": 2}, None,
     "deleted the experiment digits (7) with 2 runs"),
    (EventKind.EXPERIMENT_RESTORED, {"name": "digits", "experiment": "7", "runs": 0}, None,
     "restored the experiment digits (7)"),
    (EventKind.RUN_DELETED, {"name": "keen-owl-1", "run": "ab"}, None,
     "deleted the run keen-owl-1 (ab)"),
    (EventKind.RUN_RESTORED, {"name": "keen-owl-1", "run": "ab"}, None,
     "restored the run keen-owl-1 (ab)"),
    (EventKind.LOGGED_MODEL_DELETED, {"name": "model", "logged_model": "m-1"}, None,
     "deleted the logged model model (m-1)"),
    (EventKind.ARTIFACTS_DELETED, {"of": "ab", "path": "plots", "files": 1}, None,
     "deleted 1 artifact at plots of ab"),
    (EventKind.ARTIFACTS_DELETED, {"of": "ab", "path": "", "files": 3}, None,
     "deleted 3 artifacts of ab"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "number", "sentence"), SENTENCES)
def test_an_event_reads_as_a_sentence(
    kind: EventKind, body: Mapping[str, Json], number: int | None, sentence: str
) -> None:
    assert deed(event(kind, body, number)) == sentence


def test_every_kind_of_event_has_a_sentence_and_each_was_read_here() -> None:
    assert set(DEEDS) == set(EventKind)
    assert {kind for kind, _, _, _ in SENTENCES} == set(EventKind)


def page(width: int, ref: str = "churn") -> list[str]:
    out = io.StringIO()
    told = History((event(EventKind.PROMOTED, MOVE),), {"production": 3, "best": 2}, None, None)
    history_page(
        Sheet(Console(file=out, width=width), NOW), ref, told, {3: "1.2.0"}, ["production"]
    )
    return out.getvalue().splitlines()


def test_a_wide_history_has_its_times_beside_its_sentences() -> None:
    lines = page(121)

    assert lines[:5] == ["churn  history", "", "Now", "  production  version 3  1.2.0",
                         "  @best       version 2"]  # fmt: skip
    assert lines[7] == (
        "  2 hours ago  2026-05-28 18:26 UTC  ada promoted version 3 to production, "
        "displacing version 2 (archived); staging names"
    )
    assert lines[8] == " " * 37 + "nothing now"
    assert lines[9] == " " * 37 + "“beats the baseline”"


def test_a_narrow_history_has_its_times_above_its_sentences() -> None:
    assert page(60)[7:] == [
        "  2 hours ago  2026-05-28 18:26 UTC",
        "    ada promoted version 3 to production, displacing version",
        "    2 (archived); staging names nothing now",
        "    “beats the baseline”",
    ]


@pytest.mark.usefixtures("three_versions")
def test_history_tells_who_did_what_newest_first(run: Command) -> None:
    said = run("history", "credit-risk")
    document = run("history", "credit-risk", "--json").document

    told = [each["sentence"].split(" ", 1)[1] for each in document["events"]]
    assert told == [
        "pointed the alias champion at version 2",
        "promoted version 2 to production, displacing version 1 (archived)",
        "promoted version 1 to production",
        "registered version 3 (1.2.0)",
        "registered version 2 (1.1.0)",
        "registered version 1 (1.0.0), the first of this model",
    ]
    assert document["pointers"] == {"champion": 2, "production": 2}
    assert document["as_of"] is None
    places = [said.out.index(sentence) for sentence in told]
    assert places == sorted(places)
    assert "“beats the baseline”" in said.out
    assert "  production  version 2  1.1.0" in said.lines


@pytest.mark.usefixtures("three_versions")
def test_the_history_of_a_version_holds_only_what_touched_it(run: Command) -> None:
    document = run("history", "credit-risk:1.0.0", "--json").document

    assert [each["kind"] for each in document["events"]] == [
        "version.promoted", "version.promoted", "version.registered"]  # fmt: skip


@pytest.mark.usefixtures("three_versions")
def test_history_as_of_a_time_shows_the_pointers_and_events_of_then(run: Command) -> None:
    events = run("history", "credit-risk", "--json").document["events"]
    moment = next(
        each["at"] for each in events if each["number"] == 1 and "promoted" in each["kind"]
    )
    document = run("history", "credit-risk", "--as-of", moment, "--json").document
    said = run("history", "credit-risk", "--as-of", moment)
    before = run("history", "credit-risk", "--as-of", "2 days ago")

    assert document["as_of"] == moment
    assert document["pointers"] == {"production": 1}
    assert len(document["events"]) == 4
    assert f"At {moment[:10]} {moment[11:19]} UTC" in said.lines
    assert "  production  version 1  1.0.0" in said.lines
    assert "  no stage or alias names a version" in before.lines
    assert "  nothing yet" in before.lines


@pytest.mark.usefixtures("three_versions")
def test_a_history_goes_on_where_its_cursor_says(run: Command) -> None:
    first = run("history", "credit-risk", "--limit", "4")
    rest = run("history", "credit-risk", "--cursor", first.err.split()[-1], "--json").document

    assert first.err.startswith("there is more; go on with --cursor ")
    assert len(rest["events"]) == 2
    assert rest["next"] is None


@pytest.mark.usefixtures("three_versions")
def test_a_deleted_model_still_has_a_history(run: Command) -> None:
    run("alias", "credit-risk", "champion", "--delete")
    run("archive", "credit-risk:2")
    run("delete", "credit-risk", "--yes", "-m", "no longer used")

    said = run("history", "credit-risk")
    assert "deleted the model with its 3 versions" in said.out
    assert "“no longer used”" in said.out


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-21T09:30", datetime(2026, 11, 21, 9, 30, tzinfo=UTC)),
        ("2026-11-21 09:30:15", datetime(2026, 11, 21, 9, 30, 15, tzinfo=UTC)),
        ("2026-11-21T09:30Z", datetime(2026, 11, 21, 9, 30, tzinfo=UTC)),
        ("2026-11-21T09:30+02:00", datetime(2026, 11, 21, 7, 30, tzinfo=UTC)),
        ("now", datetime(2026, 3, 2, 14, 5, tzinfo=UTC)),
        ("today", datetime(2026, 3, 2, tzinfo=UTC)),
        ("yesterday", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2 days ago", datetime(2026, 2, 28, 14, 5, tzinfo=UTC)),
        ("1 hour ago", datetime(2026, 3, 2, 13, 5, tzinfo=UTC)),
        ("90s ago", datetime(2026, 3, 2, 14, 3, 30, tzinfo=UTC)),
        ("5m ago", datetime(2026, 3, 2, 14, 0, tzinfo=UTC)),
        ("1 week ago", datetime(2026, 2, 23, 14, 5, tzinfo=UTC)),
    ],
)
def test_a_time_can_be_typed_in_these_ways(text: str, moment: datetime) -> None:
    found = moment_of(text, datetime(2026, 3, 2, 14, 5, tzinfo=UTC))

    assert found == moment
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "1 parsec ago", "999999 weeks ago"])
def test_what_is_no_time_is_wrong_usage(run: Command, text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a time; write 2026-11-21"):
        moment_of(text)
    assert "is not a time" in run("history", "x", "--as-of", text, code=2).err


@pytest.mark.usefixtures("three_versions")
def test_a_comparison_marks_the_better_one_and_shows_the_difference(run: Command) -> None:
    said = run("compare", "credit-risk:1", "credit-risk:2", "credit-risk:3")
    document = run("compare", "credit-risk:1", "credit-risk:2", "--json").document

    cells = {line.split()[0]: line.split()[1:] for line in said.lines if line}
    assert cells["auc"] == ["0.901", "0.9134", "★", "+0.0124", "0.887", "-0.014"]
    assert cells["logloss"] == ["0.4", "0.39", "-0.01", "0.38", "★", "-0.02"]
    assert cells["C"] == ["0", "1", "2"]
    assert cells["m0.bin"][1:] == ["-", "-"]
    assert "lower is better for logloss" in said.out
    assert [each["ref"] for each in document["versions"]] == ["credit-risk:1", "credit-risk:2"]
    assert document["metrics"][0]["best"] == ["credit-risk:2"]
    assert document["metrics"][0]["values"] == [0.901, 0.9134]
    assert document["params"] == {"C": [0, 1]}
    assert set(document["files"]) == {"m0.bin", "m1.bin"}


@pytest.mark.usefixtures("three_versions")
def test_which_way_a_metric_is_better_can_be_said(run: Command) -> None:
    rows = run("compare", "credit-risk:1", "credit-risk:3", "--lower", "auc", "--higher", "logloss")

    cells = {line.split()[0]: line.split()[1:] for line in rows.lines if line}
    assert cells["auc"] == ["0.901", "0.887", "★", "-0.014"]
    assert cells["logloss"] == ["0.4", "★", "0.38", "-0.02"]


@pytest.mark.usefixtures("three_versions")
@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_comparison_of_many_comes_in_blocks_that_fit(
    run: Command, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    refs = [f"credit-risk:{number}" for number in (1, 2, 3, 2, 3)]
    said = run("compare", *refs)

    assert max(map(len, said.lines)) <= width
    assert said.out.count("credit-risk:3") == 2
    assert "…" not in said.out
    heads = [line for line in said.lines if "credit-risk:" in line]
    assert all(line.split()[0] == "credit-risk:1" for line in heads)


def test_one_version_has_nothing_to_be_compared_with(run: Command) -> None:
    assert "name at least two versions" in run("compare", "credit-risk:1", code=2).err
