from __future__ import annotations

from collections.abc import Callable

import pytest
from answers import Command

MakeFile = Callable[[str, bytes], str]
WIDTHS = [60, 80, 120, 200]


@pytest.fixture
def many_models(run: Command, model_file: MakeFile, three_versions: None) -> None:
    del three_versions
    long = "fraud-detection-with-a-very-long-name-that-needs-a-lot-of-room-in-a-table"
    run("register", long, model_file("f.bin", b"f"), "--metric", "f1=0.7", "--tag", "team=fraud")
    run(
        "register", "betrug", model_file("b.bin", b"b"), "--description", "Ünïcode: 模型 für Betrug"
    )
    run("describe", "betrug", "Erkennt Betrug 模型模型模型模型模型模型模型模型模型模型模型模型模型")


@pytest.mark.usefixtures("three_versions")
def test_models_are_listed_with_what_their_pointers_name(run: Command) -> None:
    said = run("models")
    document = run("models", "--json").document

    assert said.lines[0].split() == ["MODEL", "VERSIONS", "POINTERS", "UPDATED"]
    assert said.lines[1].split()[:6] == ["credit-risk", "3", "production", "2,", "@champion", "2"]
    assert document["next"] is None
    (model,) = document["models"]
    assert model["full_name"] == "credit-risk"
    assert model["versions"] == 3
    assert sorted(each["name"] for each in model["pointers"]) == ["champion", "production"]


def test_an_empty_registry_says_what_to_do_and_nothing_on_standard_output(run: Command) -> None:
    said = run("models")

    assert said.out == ""
    assert said.err == "no models yet; register one: modelry register NAME PATH\n"
    assert run("search", "anything").err == "nothing matches\n"


@pytest.mark.usefixtures("three_versions")
def test_versions_are_listed_newest_first(run: Command) -> None:
    rows = [line.split()[:3] for line in run("versions", "credit-risk").lines]

    assert rows == [["VERSION", "LABEL", "STAGE"], ["3", "1.2.0", "none"],
                    ["2", "1.1.0", "production"], ["1", "1.0.0", "archived"]]  # fmt: skip


@pytest.mark.usefixtures("three_versions")
def test_versions_can_be_of_one_stage(run: Command) -> None:
    document = run("versions", "credit-risk", "--stage", "production", "--json").document
    none = run("versions", "credit-risk", "--stage", "staging")

    assert [each["version"] for each in document["versions"]] == ["1.1.0"]
    assert none.err == "credit-risk has no versions in staging\n"
    assert "choose one of: none, staging" in run(
        "versions", "credit-risk", "--stage", "nowhere", code=1).err  # fmt: skip


@pytest.mark.usefixtures("three_versions")
def test_a_list_goes_on_where_its_cursor_says(run: Command) -> None:
    first = run("versions", "credit-risk", "-n", "2")
    cursor = first.err.split()[-1]
    second = run("versions", "credit-risk", "-n", "2", "--cursor", cursor)
    every = run("versions", "credit-risk", "-n", "1", "--all", "--json").document

    assert first.err == f"there are more; go on with --cursor {cursor}\n"
    assert [line.split()[1] for line in second.lines[1:]] == ["1.0.0"]
    assert second.err == ""
    assert [each["number"] for each in every["versions"]] == [3, 2, 1]
    assert every["next"] is None


@pytest.mark.usefixtures("three_versions")
def test_search_finds_by_conditions_in_the_order_that_was_asked_for(run: Command) -> None:
    query = "metrics.auc >= 0.9 and tag.team = risk order by metrics.auc desc"
    said = run("search", query)
    document = run("search", query, "--json").document

    assert [line.split()[0] for line in said.lines] == ["MODEL", "credit-risk:2", "credit-risk:1"]
    assert [each["ref"] for each in document["versions"]] == ["credit-risk:2", "credit-risk:1"]
    first = run("search", query, "--limit", "1", "--json").document
    rest = run("search", query, "--cursor", str(first["next"]), "--json").document
    assert [each["ref"] for each in rest["versions"]] == ["credit-risk:1"]


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("metrics.auc >= x", 15),
        ("模型 metrics.auc > x", 19),
        ("fraud and", 9),
        ("(a or b", 7),
        ("size ~ 3", 5),
    ],
)
def test_a_mistake_in_a_search_is_shown_with_a_mark_under_its_place(
    run: Command, query: str, place: int
) -> None:
    first, shown, mark = run("search", query, code=1).err.splitlines()

    assert first.startswith("modelry: search, at character ")
    assert shown == f"  {query}"
    assert mark == "  " + " " * place + "^"


def test_a_mistake_far_inside_a_long_search_is_still_in_sight(run: Command) -> None:
    query = "a or " * 40 + "metrics.auc > x" + " or b" * 3
    lines = run("search", query, code=1).err.splitlines()

    assert lines[1].startswith("  ...")
    assert lines[1][lines[2].index("^")] == "x"
    assert len(lines[1]) < 140


@pytest.mark.usefixtures("many_models")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "words", [["models"], ["versions", "credit-risk"], ["search"], ["stages", "show"]]
)
def test_a_table_fits_and_nothing_in_it_wraps(
    run: Command, monkeypatch: pytest.MonkeyPatch, width: int, words: list[str]
) -> None:
    from rich.cells import cell_len

    monkeypatch.setenv("COLUMNS", str(width))
    lines = run(*words).lines

    assert {"models": 4, "versions": 4, "search": 6, "stages": 5}[words[0]] == len(lines)
    assert max(map(cell_len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)
    if words[0] in {"models", "search"}:
        assert any("credit-risk" in line for line in lines)


@pytest.mark.usefixtures("many_models")
def test_a_wide_table_shows_what_a_narrow_one_leaves_out(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    narrow = run("models")
    monkeypatch.setenv("COLUMNS", "200")
    wide = run("models")

    assert "DESCRIPTION" not in narrow.out
    assert "…" in narrow.out
    assert "DESCRIPTION" in wide.out
    assert "fraud-detection-with-a-very-long-name-that-needs-a-lot-of-room-in-a-table" in wide.out
    assert "模型" in wide.out


def test_projects_are_made_and_listed_and_lists_keep_to_one(
    run: Command, model_file: MakeFile
) -> None:
    path = model_file("m.bin", b"m")
    made = run("project", "create", "Risk")
    run("register", "risk/churn", path)
    run("register", "churn", path)

    assert made.lines == ["project risk has the stages none, staging, production, archived"]
    assert run("project", "list").lines == ["default", "risk"]
    assert run("project", "list", "--json").document == {"projects": ["default", "risk"]}
    assert [line.split()[0] for line in run("models", "--project", "risk").lines[1:]] == [
        "risk/churn"
    ]
    found = run("search", "churn", "--project", "risk", "--json").document
    assert [each["ref"] for each in found["versions"]] == ["risk/churn:1"]
    assert "nowhere" in run("models", "--project", "nowhere", code=1).err
    document = run("project", "create", "ops", "--json").document
    assert document["project"] == "ops"
    assert document["stages"][0]["name"] == "none"
