"""The search language refuses mistakes at their place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelry.core.errors import Invalid
from modelry.core.query import Both, Condition, Either, Negation, Order, Word, parse, words


def test_words_and_conditions_beside_each_other_both_hold() -> None:
    assert parse("fraud metrics.auc>=.9").where == Both(
        (Word("fraud"), Condition("metrics", "auc", ">=", (0.9,)))
    )


def test_and_binds_before_or_and_parentheses_before_both() -> None:
    a, b, c = Word("a"), Word("b"), Word("c")
    assert parse("a or b and c").where == Either((a, Both((b, c))))
    assert parse("(a or b) c").where == Both((Either((a, b)), c))
    assert parse("not not a").where == Negation(Negation(a))


def test_values_may_be_quoted_and_fields_have_other_names() -> None:
    assert parse(r'tag.team == "a \"b\" c"').where == Condition("tags", "team", "=", ('a "b" c',))
    assert parse("model = x").where == Condition("name", "", "=", ("x",))
    assert parse("run in ('a', b)").where == Condition("run_id", "", "in", ("a", "b"))
    assert parse("TAG.gpu").where == Condition("tags", "gpu", "exists", ())
    assert parse("'two words'").where == Both((Word("two"), Word("words")))


def test_the_order_stands_at_the_end() -> None:
    assert parse("").order == Order("created", "", descending=True)
    assert parse("a order by metrics.auc desc").order == Order("metrics", "auc", descending=True)
    assert parse("order by name").order == Order("name", "", descending=False)
    assert parse("order by created asc").order == Order("created", "", descending=False)


@pytest.mark.parametrize(
    ("text", "position", "why"),
    [
        ("a and", 5, "expected a word"),
        ("and a", 0, "expected a word"),
        ("(a", 2, r"expected '\)'"),
        ("a)", 1, "expected 'and'"),
        ("metrics.auc >= high", 15, "expected a number"),
        ("metrics.auc >= '1'", 15, "expected a number"),
        ("metrics.auc >= " + "1" * 41, 15, "expected a number"),
        ("metrics.auc ~ 1", 12, "is a number"),
        ("stage > x", 6, "is text"),
        ("stage = ,", 8, "expected a value"),
        ("stage =", 7, "expected a value"),
        ("nonsense = 3", 0, "no field 'nonsense'"),
        ("metrics. = 3", 0, "no field"),
        ("'name' = 3", 0, "no field"),
        ("stage in x", 9, r"expected '\('"),
        ("stage in (x", 11, r"expected ','"),
        ("stage in (x y)", 12, r"expected ','"),
        ("created > yesterday", 10, "expected a date"),
        ("a 'b", 2, "cannot be read"),
        ("...", 0, "no letter or digit"),
        ("order by size", 9, "order by created"),
        ("order by metrics.", 9, "order by created"),
        ("order by", 8, "order by created"),
        ("order by name x", 14, "expected 'and'"),
        ("!", 0, "cannot be read"),
        ("(" * 40 + "a" + ")" * 40, 33, "parentheses"),
        ("not " * 40 + "a", 128, "times 'not'"),
        ("a " * 65, 128, "more than 64"),
    ],
)
def test_a_mistake_is_refused_at_its_place(text: str, position: int, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refusal:
        parse(text)
    assert refusal.value.facts["position"] == position
    assert f"at character {position + 1}" in refusal.value.message


def test_an_endless_search_is_refused() -> None:
    with pytest.raises(Invalid, match="at most 4096"):
        parse("a " * 3000)


def test_dates_are_utc_unless_they_say_otherwise() -> None:
    naive = parse("created >= 2026-11-21").where
    aware = parse("created >= 2026-11-21T02:00+02:00").where
    assert naive == aware


def test_words_are_runs_of_letters_and_digits() -> None:
    assert words("Credit-Risk_v2 (straße)") == ["credit", "risk", "v2", "strasse"]


@given(st.text(max_size=60))
def test_any_text_is_a_search_or_a_mistake(text: str) -> None:
    try:
        parse(text)
    except Invalid as refusal:
        assert 0 <= int(str(refusal.facts["position"])) <= len(text)  # noqa: PT017 - either may happen


@given(st.lists(st.sampled_from(["a", "and", "or", "not", "(", ")", "=", "in", ",", "stage", "3",
                                 "metrics.x", ">=", "'q'", "order", "by", "desc"]), max_size=14))  # fmt: skip
def test_any_row_of_tokens_is_a_search_or_a_mistake(tokens: list[str]) -> None:
    try:
        assert parse(" ".join(tokens)).text == " ".join(tokens)
    except Invalid as refusal:
        assert "position" in refusal.facts  # noqa: PT017 - either may happen
