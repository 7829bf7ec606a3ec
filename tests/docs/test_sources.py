"""The table of sources has every requirement once, and what it names is there."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest
from written import CHECKOUT, page

PAGE = page("docs/sources.md")
LAST = {"S0": 12, "S1": 11, "S2": 23, "S3": 20, "S4": 33}
ROW = re.compile(r"^\| (S\d\.\d+) \| .+ \| `([^`]+)` \| `([^`]+)` `([^`]+)` \|$", re.MULTILINE)
ROWS = ROW.findall(PAGE)
OPEN = re.findall(r"^- (S\d\.\d+): .+", PAGE, re.MULTILINE)


@cache
def names_of_tests(file: str) -> frozenset[str]:
    """Name the tests of a file, those of classes as `Class::test`, without running anything."""
    tree = ast.parse((CHECKOUT / file).read_text(encoding="utf-8"))
    found = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
    for kind in tree.body:
        if isinstance(kind, ast.ClassDef):
            inner = [each for each in kind.body if isinstance(each, ast.FunctionDef)]
            found |= {f"{kind.name}::{each.name}" for each in inner}
    return frozenset(each for each in found if each.rpartition("::")[2].startswith("test_"))


def test_every_requirement_stands_there_once() -> None:
    wanted = [f"{source}.{n}" for source, last in LAST.items() for n in range(1, last + 1)]
    told = [number for number, *_ in ROWS] + OPEN
    assert sorted(told) == sorted(wanted)
    assert len(ROWS) == PAGE.count("\n| S")


@pytest.mark.parametrize(("number", "place", "file", "test"), ROWS)
def test_what_a_row_names_is_there(number: str, place: str, file: str, test: str) -> None:
    del number
    assert (CHECKOUT / place).is_file()
    assert file.startswith(("tests/", "src/modelry/testing/"))
    assert test in names_of_tests(file)
