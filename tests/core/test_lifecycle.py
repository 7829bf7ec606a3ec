"""Stages: verdicts, plans, and configurations that make sense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelry.core.errors import Invalid
from modelry.core.lifecycle import (
    DEFAULT_LIFECYCLE,
    Lifecycle,
    Plan,
    Stage,
    Standing,
    displacement,
    judge,
    lifecycle_from_json,
    lifecycle_to_json,
    plan,
)
from modelry.core.strict_json import Json

D = DEFAULT_LIFECYCLE


def test_the_usual_stages_are_the_four_that_everyone_knows() -> None:
    assert [stage.name for stage in D.stages] == ["none", "staging", "production", "archived"]
    assert (D.initial, D.main, D.archive) == ("none", "production", "archived")
    assert D.stage("PRODUCTION").exclusive
    with pytest.raises(Invalid, match="choose one of: none, staging, production, archived"):
        D.stage("prod")


def test_stages_without_an_exclusive_or_a_resting_one_have_no_main_and_no_archive() -> None:
    bare = Lifecycle((Stage("new", pointed=False), Stage("good")))
    assert (bare.main, bare.archive) == (None, None)
    with pytest.raises(Invalid, match="no stage to archive to"):
        displacement(bare, bare.stage("good"), "archive")


def test_a_path_that_a_stage_does_not_list_is_refused_with_the_ways() -> None:
    strict = Lifecycle(
        (
            Stage("none", pointed=False),
            Stage("staging"),
            Stage("production", exclusive=True, after=frozenset({"staging"})),
            Stage("sealed", after=frozenset()),
        )
    )
    assert judge(strict, "none", "staging", "ada", "bob").allowed
    assert judge(strict, "staging", "production", "ada", "bob").allowed
    assert judge(strict, "production", "production", "ada", "bob").allowed
    verdict = judge(strict, "none", "production", "ada", "bob")
    assert not verdict.allowed
    assert "from staging only, and this one is in none" in verdict.reason
    assert "from nowhere only" in judge(strict, "none", "sealed", "ada", "bob").reason


def test_row_53_whoever_registered_a_version_does_not_approve_it_where_two_must_see_it() -> None:
    watched = Lifecycle((Stage("none", pointed=False), Stage("live", four_eyes=True)))
    assert judge(watched, "none", "live", "ada", "bob").allowed
    assert judge(watched, "live", "live", "ada", "ada").allowed
    verdict = judge(watched, "none", "live", "ada", "ada")
    assert (verdict.allowed, verdict.denied) == (False, True)
    assert "second pair of eyes" in verdict.reason


def test_the_caller_chooses_where_displaced_versions_go() -> None:
    production = D.stage("production")
    assert displacement(D, production, None) == "archived"
    assert displacement(D, production, "Keep") == "keep"
    assert displacement(D, production, "archive") == "archived"
    assert displacement(D, production, "staging") == "staging"
    assert displacement(D, D.stage("staging"), None) == "keep"
    for wish in ("production", "nonsense"):
        with pytest.raises(Invalid):
            displacement(D, production, wish)


@pytest.mark.parametrize(
    ("members", "pointers", "move", "expected"),
    [
        ({}, {}, (1, "none", "production", "archived"),
         Plan(((1, "none", "production"),), {"production": 1})),
        ({"production": [1]}, {"production": 1}, (2, "none", "production", "archived"),
         Plan(((2, "none", "production"), (1, "production", "archived")), {"production": 2})),
        ({"production": [1]}, {"production": 1}, (2, "none", "production", "keep"),
         Plan(((2, "none", "production"),), {"production": 2})),
        ({"production": [1]}, {"production": 1}, (2, "none", "production", "staging"),
         Plan(((2, "none", "production"), (1, "production", "staging")),
              {"production": 2, "staging": 1})),
        ({"production": [1], "staging": [2]}, {"production": 1, "staging": 2},
         (2, "staging", "production", "staging"),
         Plan(((2, "staging", "production"), (1, "production", "staging")),
              {"production": 2, "staging": 1})),
        ({"staging": [3, 2]}, {"staging": 3}, (3, "staging", "production", "archived"),
         Plan(((3, "staging", "production"),), {"production": 3, "staging": 2})),
        ({"staging": [3]}, {"staging": 3}, (3, "staging", "archived", "keep"),
         Plan(((3, "staging", "archived"),), {"staging": None})),
        ({"production": [2, 1]}, {"production": 2}, (2, "production", "archived", "keep"),
         Plan(((2, "production", "archived"),), {"production": None})),
        ({"production": [2, 1]}, {"production": 2}, (1, "production", "archived", "keep"),
         Plan(((1, "production", "archived"),), {})),
        ({"production": [2, 1]}, {"production": 2}, (1, "production", "production", "archived"),
         Plan(((2, "production", "archived"),), {"production": 1})),
        ({"production": [1]}, {"production": 1}, (1, "production", "production", "archived"),
         Plan((), {})),
    ],
)  # fmt: skip
def test_a_promotion_changes_just_what_follows_from_it(
    members: dict[str, list[int]],
    pointers: dict[str, int],
    move: tuple[int, str, str, str],
    expected: Plan,
) -> None:
    assert plan(D, Standing(members, pointers), *move) == expected


@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from(D.stages),
                          st.sampled_from([None, "keep", "archive", "staging"])), max_size=12))  # fmt: skip
def test_a_pointer_always_names_a_version_of_its_stage(
    moves: list[tuple[int, Stage, str | None]],
) -> None:
    stages = dict.fromkeys(range(1, 6), "none")
    entered = dict.fromkeys(range(1, 6), 0)
    pointers: dict[str, int] = {}
    for at, (number, target, wish) in enumerate(moves):
        if target.name == "staging" and wish == "staging":
            continue
        members = {
            stage.name: sorted(
                (n for n in stages if stages[n] == stage.name), key=lambda n: -entered[n]
            )
            for stage in D.stages
            if stage.pointed
        }
        displaced = displacement(D, target, wish)
        made = plan(D, Standing(members, pointers), number, stages[number], target.name, displaced)
        for changed, before, after in made.relabels:
            assert stages[changed] == before
            stages[changed], entered[changed] = after, at + 1
        for name, value in made.points.items():
            if value is None:
                del pointers[name]
            else:
                pointers[name] = value
        assert all(stages[value] == name for name, value in pointers.items())
        assert ("staging" in pointers) == ("staging" in stages.values())
        if target.pointed:
            assert pointers[target.name] == number


def test_stages_read_back_as_they_were_written() -> None:
    assert lifecycle_from_json(lifecycle_to_json(D)) == D
    plain = lifecycle_from_json(["new", {"name": "Live", "exclusive": True, "after": ["New"]}])
    assert plain.stage("live") == Stage("live", exclusive=True, after=frozenset({"new"}))
    assert not plain.stage("new").pointed
    assert lifecycle_from_json(["a", {"name": "b", "after": None}]).stage("b").after is None


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("none", "a list"),
        (["none"], "at least two"),
        (["a", "A"], "must differ"),
        (["a", "keep"], "from 'keep'"),
        (["a", "3"], "cannot be a stage"),
        (["a", {}], "needs a name"),
        (["a", 3], "needs a name"),
        (["a", {"name": "b", "colour": "red"}], "cannot have colour"),
        (["a", {"name": "b", "exclusive": "yes"}], "cannot have exclusive"),
        ([{"name": "a", "pointed": True}, "b"], "neither pointed nor exclusive"),
        ([{"name": "a", "exclusive": True}, "b"], "neither pointed nor exclusive"),
        (["a", {"name": "b", "exclusive": True, "pointed": False}], "so it must be pointed"),
        (["a", {"name": "b", "after": ["c"]}], "no stage 'c'"),
        (["a", {"name": "b", "displaced": "c"}], "no stage 'c'"),
        (["a", {"name": "b", "exclusive": True, "displaced": "b"}], "cannot go to b"),
    ],
)
def test_stages_that_contradict_each_other_are_refused(value: Json, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        lifecycle_from_json(value)
