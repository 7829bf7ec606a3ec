"""JSON that says one thing only."""

import pytest

from modelry.core.errors import Invalid
from modelry.core.strict_json import MAX_DEPTH, Json, check, dumps, load_object, loads


class _Array:
    """What numpy's scalars and arrays look like."""

    def tolist(self) -> list[float]:
        return [1.0, 2.5]


@pytest.mark.parametrize("text", [b"NaN", b"[Infinity]", b'{"a": -Infinity}', b"1e999", b"-1e400"])
def test_row_9_numbers_that_are_none_are_refused(text: bytes) -> None:
    with pytest.raises(Invalid):
        loads(text, "it")


def test_row_10_a_key_that_stands_twice_is_refused() -> None:
    with pytest.raises(Invalid, match="'a' stands in it twice"):
        loads(b'{"b": {"a": 1, "a": 2}}', "it")


@pytest.mark.parametrize("shape", [b"[" * 5000, b'{"a":' * 5000, b"[" * 65 + b"]" * 65])
def test_row_11_deep_nesting_is_refused_before_it_is_parsed(shape: bytes) -> None:
    with pytest.raises(Invalid, match="nested deeper"):
        loads(shape, "it")


def test_brackets_inside_text_do_not_count_as_nesting() -> None:
    text = b'["' + b"[" * 500 + b'\\"]", [1]]'
    assert loads(text, "it") == ["[" * 500 + '"]', [1]]
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert loads(deep, "it") is not None


def test_row_12_a_large_document_is_refused_by_its_size() -> None:
    with pytest.raises(Invalid, match="at most 10"):
        loads(b" " * 11, "it", max_bytes=10)


@pytest.mark.parametrize(
    "text", [b"1180591620717411303424", b"9" * 6000, b"-" + b"9" * 20, b"1." + b"0" * 500,
             b"\xff", b'"\xc3\x28"', b'"\\ud800"', b'{"\\udfff": 1}', b'{"a": "\\ud800"}', b"", b"{",
             b"[1,]", b"tru", b'"a'],
)  # fmt: skip
def test_row_13_numbers_and_text_that_parsers_disagree_on_are_refused(text: bytes) -> None:
    with pytest.raises(Invalid, match="it "):
        loads(text, "it")


def test_what_is_written_reads_back_and_has_one_form() -> None:
    value: Json = {"b": [1, 2.5, None, True], "a": {"ü": "x"}, "n": 9007199254740993}
    assert loads(dumps(value).encode(), "it") == value
    assert dumps({"b": 1, "a": 2}) == dumps({"a": 2, "b": 1}) == '{"a":2,"b":1}'


def test_where_an_object_is_needed_something_else_is_refused() -> None:
    assert load_object(b'{"a": 1}', "it") == {"a": 1}
    with pytest.raises(Invalid, match="must be a JSON object, not list"):
        load_object(b"[]", "it")


def test_python_values_are_taken_where_json_can_hold_them() -> None:
    given = {"a": (1, 2.0, None), "b": _Array(), "c": {"d": "x"}, "e": True}
    assert check(given, "p") == {"a": [1, 2.0, None], "b": [1.0, 2.5], "c": {"d": "x"}, "e": True}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (float("nan"), "only finite"),
        ([1, float("inf")], r"p\[1\] is inf"),
        (2**63, "beyond 64 bits"),
        ({"x": {1: 2}}, "p.x has the key 1"),
        ("a\ud800", "lone surrogate"),
        ("a\0", "NUL"),
        ({"a\0": 1}, "a key of p"),
        (object(), "is a object"),
        ({"a", "b"}, "is a set"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_place(value: object, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        check(value, "p")


def test_endless_nesting_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(Invalid, match="nested deeper"):
        check(endless, "p")
