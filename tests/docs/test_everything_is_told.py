"""Whatever a user can call, set or plug in is described; what is described exists."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from written import CHECKOUT, PAGES, page, ticked

import modelry
from modelry.core import errors
from modelry.core.events import EventKind
from modelry.core.query import MAPS, NUMBER_FIELDS, TEXT_FIELDS
from modelry.core.registry import Registry
from modelry.settings import ServerSettings
from modelry.stores.sql.tables import metadata

VERBS = sorted(name for name, _ in inspect.getmembers(Registry, inspect.isfunction))
ENTRY_POINTS = tomllib.loads(page("pyproject.toml"))["project"]["entry-points"]
ERRORS = sorted(
    name
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.RegistryError)
)


@pytest.mark.parametrize("verb", [name for name in VERBS if not name.startswith("_")])
def test_every_verb_is_on_the_page_of_the_python_api(verb: str) -> None:
    assert re.search(rf"registry\.{verb}\(|`{verb}[(`]|\.{verb}\(", page("docs/python.md"))


@pytest.mark.parametrize("name", [name for name in modelry.__all__ if name.islower()])
def test_every_public_function_is_on_the_page_of_the_python_api(name: str) -> None:
    assert f"modelry.{name}(" in page("docs/python.md")


@pytest.mark.parametrize("name", ERRORS)
def test_every_refusal_is_on_the_page_of_the_python_api(name: str) -> None:
    assert re.search(rf"`(modelry\.)?{name}`", page("docs/python.md"))


@pytest.mark.parametrize("field", sorted(TEXT_FIELDS | NUMBER_FIELDS | set(MAPS.values())))
def test_every_field_of_a_search_is_on_the_page_of_the_python_api(field: str) -> None:
    known = ticked(page("docs/python.md"))
    assert field in known or f"{field}.NAME" in known


@pytest.mark.parametrize("field", ServerSettings.model_fields)
def test_every_setting_is_on_the_page_of_settings(field: str) -> None:
    assert f"`MODELRY_{field.upper()}`" in page("docs/settings.md")


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_event_is_on_the_page_of_events(kind: EventKind) -> None:
    assert f"| `{kind.value}` |" in page("docs/events.md")


@pytest.mark.parametrize("group", ENTRY_POINTS)
def test_every_group_of_entry_points_is_on_the_page_of_extensions(group: str) -> None:
    assert f"| `{group}` |" in page("docs/extending.md")


def test_every_command_is_on_the_page_of_the_command_line() -> None:
    command = str(Path(sys.executable).parent / "modelry")
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    named = set(re.findall(r"^  ([a-z]+)  ", done.stdout, re.MULTILINE))
    assert {"register", "promote", "rollback", "gc"} <= named
    told = page("docs/cli.md")
    assert {name for name in named if f"modelry {name}" not in told} == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_files_and_folders_that_a_page_names_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    absent = [link for link in links if not (path.parent / link).exists()]
    absent += [name for name in sorted(ticked(text)) if _is_ours(name) and not _exists(name)]
    assert absent == []


def _is_ours(name: str) -> bool:
    return bool(re.fullmatch(r"[\w./-]+\.py|(src|tests|docs|benchmarks|examples)/[\w./-]*", name))


def _exists(name: str) -> bool:
    rooms = (CHECKOUT, CHECKOUT / "src" / "modelry", CHECKOUT / "benchmarks")
    if any((room / name).exists() for room in rooms):
        return True
    return "/" not in name and any((CHECKOUT / "src" / "modelry").rglob(name))


def test_the_rooms_on_the_page_of_the_architecture_are_those_that_exist() -> None:
    rooms = {
        path.name
        for path in (CHECKOUT / "src" / "modelry").iterdir()
        if not path.name.startswith(("_", ".")) and path.name != "py.typed"
    }
    told = page("docs/architecture.md")
    assert {room for room in rooms if not re.search(rf"^  {room}/? ", told, re.MULTILINE)} == set()


def test_every_file_in_the_drawing_of_the_rooms_exists() -> None:
    drawing = page("docs/architecture.md").split("```")[1]
    drawn = re.findall(r"^ +(\w+(?:\.py|/)) ", drawing, re.MULTILINE)
    assert len(drawn) > 15
    source = CHECKOUT / "src" / "modelry"
    assert [name for name in drawn if not any(source.rglob(name.rstrip("/")))] == []


def test_every_decision_is_listed_with_its_title() -> None:
    folder = CHECKOUT / "docs" / "decisions"
    listed = dict(
        re.findall(r"^\d+\. \[(.+)\]\((.+)\)$", page("docs/decisions/README.md"), re.MULTILINE)
    )
    found = {path.name for path in folder.glob("0*.md")}
    assert set(listed.values()) == found
    for name in found:
        assert re.match(rf"# {int(name[:4])}\. ", (folder / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "path",
    [*PAGES, CHECKOUT / "docs" / "pictures" / "terminal.svg"],
    ids=lambda path: str(path.relative_to(CHECKOUT)),
)
def test_no_page_names_a_place_on_somebodys_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|work|tmp|Users)/|pypi|index-url", text)


def test_the_picture_loads_nothing_from_elsewhere() -> None:
    picture = page("docs/pictures/terminal.svg")
    assert "@import" not in picture
    assert "url(http" not in picture
    assert "href" not in picture


def test_what_decisions_say_of_the_tables_is_so() -> None:
    pointers = metadata.tables["pointers"]
    assert [column.name for column in pointers.primary_key] == ["model_id", "name"]
    assert {"entry", "below"} <= set(metadata.tables["moves"].columns.keys())
