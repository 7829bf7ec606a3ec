"""What selections answer, in every store: each with the models or versions it means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelry.core.events import EventKind
from modelry.core.lifecycle import DEFAULT_LIFECYCLE
from modelry.core.ports import Store, Unit
from modelry.core.selection import (
    TITLE,
    FoundVersion,
    Match,
    Operand,
    Selection,
    Sort,
    holds,
    name_for,
)
from modelry.testing.examples import happen, keep, some_model, some_version

_TITLE = "Kredit & Größe"
_BY_NAME = (Sort("name"), Sort("number"))


class SelectionConformance:
    """Each test is a promise of `View.select_models` and `View.select_versions`."""

    def test_versions_are_selected_by_what_their_conditions_mean(self, store: Store) -> None:
        store.change(_some)
        with store.read() as view:
            for match, wanted in VERSIONS:
                found = view.select_versions("default", Selection((match,), _BY_NAME, 0, 9))
                names = [f"{each.title}:{each.version.number}" for each in found]
                assert names == wanted, match

    def test_the_short_way_answers_the_same_and_the_stages(self, store: Store) -> None:
        store.change(_some)
        for match, _ in VERSIONS:
            chosen = Selection((match,), _BY_NAME, 0, 9, ("team", "risk"))
            lifecycle, found = store.select_versions("default", chosen)
            with store.read() as view:
                assert list(found) == list(view.select_versions("default", chosen)), match
            assert lifecycle == DEFAULT_LIFECYCLE
        assert store.select_versions("absent", Selection((), _BY_NAME, 0, 9)) == (None, [])

    def test_models_are_selected_by_name_and_tag(self, store: Store) -> None:
        store.change(_some)
        with store.read() as view:
            for match, wanted in MODELS:
                found = view.select_models("default", Selection((match,), (Sort("name"),), 0, 9))
                assert [each.tags.get(TITLE, each.name) for each in found] == wanted

    @pytest.mark.parametrize("by", ["name", "number", "created", "changed"])
    def test_versions_are_sorted_and_paged(self, store: Store, by: str) -> None:
        store.change(_some)
        sorts = (Sort(by, descending=True), *(each for each in _BY_NAME if each.by != by))  # type: ignore[arg-type]  # named above
        with store.read() as view:
            whole = view.select_versions("default", Selection((), sorts, 0, 9))
            pages = [view.select_versions("default", Selection((), sorts, at, 1))[0]
                     for at in range(len(whole))]  # fmt: skip
        assert [each.version.id for each in pages] == [each.version.id for each in whole]
        keys = [_key(each, by) for each in whole]
        assert keys == sorted(keys, reverse=True)
        assert len(whole) == 4

    def test_a_page_of_the_latest_changes_is_what_sorting_all_of_them_tells(
        self, store: Store
    ) -> None:
        store.change(_many)
        with store.read() as view:
            whole = view.select_versions("default", Selection((), _LATEST, 0, 5000))
            keys = [(-each.changed, each.title, -each.version.number) for each in whole]
            assert len(keys) == _MODELS * _OF_EACH - 1
            assert keys == sorted(keys)
            for matches in _CONDITIONS:
                wanted = [each for each in whole if all(_meets(each, match) for match in matches)]
                for skip, limit in ((0, 1), (0, 7), (90, 30), (0, 999), (700, 600)):
                    chosen = Selection(matches, _LATEST, skip, limit, ("barred", "yes"))
                    found = view.select_versions("default", chosen)
                    assert found == wanted[skip : skip + limit], (matches, skip, limit)

    @pytest.mark.parametrize("by", ["name", "created", "changed"])
    def test_models_are_sorted_and_paged(self, store: Store, by: str) -> None:
        store.change(_some)
        with store.read() as view:
            whole = view.select_models("default", Selection((), (Sort(by),), 0, 9))  # type: ignore[arg-type]  # named above
            last = view.select_models("default", Selection((), (Sort(by),), 1, 9))  # type: ignore[arg-type]  # named above
        assert [each.id for each in last] == [each.id for each in whole][1:]
        assert len(whole) == 2

    def test_what_has_a_tag_is_left_out_with_all_of_its_model(self, store: Store) -> None:
        store.change(_some)
        with store.read() as view:
            versions = view.select_versions(
                "default", Selection((), _BY_NAME, 0, 9, ("team", "risk"))
            )
            models = view.select_models(
                "default", Selection((), (Sort("name"),), 0, 9, ("kind", "a.b"))
            )
        assert {each.title for each in versions} == {_TITLE}
        assert [each.name for each in models] == ["credit"]

    def test_a_change_of_tags_is_no_change_of_the_thing_itself(self, store: Store) -> None:
        store.change(_some)
        with store.read() as view:
            model = view.model("default", "credit")
            assert model is not None
            assert [view.changed(model, number) for number in (1, 2, 9)] == [7000, 5000, 0]
            assert view.changes(model) == {1: 7000, 2: 5000, 3: 1003}
            front = view.fronts([model])[0]
        assert front.changed == 7000
        assert [(each.number, at) for each, at in front.latest] == [(2, 5000)]
        assert front.aliases == ()

    def test_what_a_list_tells_of_models_is_what_each_tells_alone(self, store: Store) -> None:
        store.change(_many)
        with store.read() as view:
            found = view.select_models("default", Selection((), (Sort("name"),), 0, 99))
            together = view.fronts(found)
            others = view.fronts([each for each in found if each.name != found[0].name])
        assert len(together) == len(found) > 1
        for model, front, other in zip(found[1:], together[1:], others, strict=True):
            with store.read() as view:
                (alone,) = view.fronts([model])
                versions = [each for each in view.every_version(model) if each.deleted is None]
            assert alone == front == other
            highest: dict[str, int] = {}
            for version in versions:
                highest[version.stage] = max(version.number, highest.get(version.stage, 0))
            assert {each.stage: each.number for each, _ in front.latest} == highest

    def test_within_a_change_a_list_tells_what_was_changed(self, store: Store) -> None:
        def change(unit: Unit) -> None:
            _some(unit)
            (model,) = unit.select_models(
                "default", Selection((Match("name", "=", ("credit",)),), (Sort("name"),), 0, 9)
            )
            assert unit.fronts([model])[0].changed == 7000
            event = happen(unit, model, EventKind.MODEL_DESCRIBED, None, 9000)
            assert unit.fronts([model])[0].changed == event.at == 9000

        store.change(change)


def _key(found: FoundVersion, by: str) -> Any:  # noqa: ANN401 - text or a number
    version = found.version
    return {"name": found.title, "number": version.number, "created": version.created,
            "changed": found.changed}[by]  # fmt: skip


_MODELS, _OF_EACH = 21, 40
_LATEST = (Sort("changed", descending=True), Sort("name"), Sort("number", descending=True))


def _many(unit: Unit) -> None:
    """Keep models whose versions changed in turn, some at the same moment, and one was deleted."""
    for at in range(_MODELS):
        model = some_model(f"m{at:02d}")
        made = [
            some_version(
                model,
                number,
                created=number // 3 * 100 + at % 2,
                run_id=f"r{number % 5}",
                tags={"team": "risk" if number % 2 else "growth", "rare": str(number % 13 == at)},
            )
            for number in range(1, _OF_EACH + 1)
        ]
        kept = keep(unit, model, *made)
        if at == 1:
            unit.bury(kept, _OF_EACH, 5)
        happen(unit, kept, EventKind.PROMOTED, at % 7 + 1, 5000 + at // 2)


def _meets(found: FoundVersion, match: Match) -> bool:
    version = found.version
    of: dict[str, Operand | None] = {
        "name": found.title, "number": version.number, "run_id": version.run_id,
        "tag": version.tags.get(match.key),
    }  # fmt: skip
    return holds(match, of[match.subject])


def _some(unit: Unit) -> None:
    """Keep three models, one with a title, one elsewhere; four versions live where we look."""
    credit = some_model("credit")
    kept = keep(
        unit,
        credit,
        some_version(credit, 1, tags={"team": "risk", "note": "a%b"}, run_id="r1", created=4000),
        some_version(credit, 2, tags={"team": "Risk"}, source="s3://bucket/x_y*", created=5000),
        some_version(credit, 3),
    )
    unit.bury(kept, 3, 5)
    titled = replace(some_model(name_for(_TITLE)), tags={TITLE: _TITLE, "kind": "a.b"}, created=2)
    keep(unit, titled, some_version(titled, 1, run_id="r2"),
         some_version(titled, 2, tags={"long": "x" * 200 + "é"}))  # fmt: skip
    happen(unit, kept, EventKind.PROMOTED, 1, 7000)
    happen(unit, kept, EventKind.TAGGED, 2, 8000)
    unit.set_lifecycle("team", DEFAULT_LIFECYCLE, 1)
    other = some_model("credit", "team")
    keep(unit, other, some_version(other, 1, tags={"team": "risk"}))


def _match(subject: str, comparison: str, *values: Operand, key: str = "") -> Match:
    return Match(subject, comparison, values, key)  # type: ignore[arg-type]  # named below


_CREDIT, _TITLED = ["credit:1", "credit:2"], [f"{_TITLE}:1", f"{_TITLE}:2"]
_ALL = sorted([*_CREDIT, *_TITLED])

VERSIONS: list[tuple[Match, list[str]]] = [
    (_match("name", "=", "credit"), _CREDIT),
    (_match("name", "=", "Credit"), []),
    (_match("name", "=", _TITLE), _TITLED),
    (_match("name", "=", name_for(_TITLE)), []),
    (_match("name", "!=", "credit"), _TITLED),
    (_match("name", "in", "credit", _TITLE, "none"), _ALL),
    (_match("name", "not in", "credit"), _TITLED),
    (_match("name", "like", "c%i_"), _CREDIT),
    (_match("name", "like", "%"), _ALL),
    (_match("name", "like", "C%"), []),
    (_match("name", "like", "credit%credit"), []),
    (_match("name", "like", "%e%t"), _CREDIT),
    (_match("name", "like", "%red%dit%"), []),
    (_match("name", "like", "%cre%it%"), _CREDIT),
    (_match("name", "like", "%zz%x%"), []),
    (_match("name", "like", "[c]redit"), []),
    (_match("name", "ilike", "CRED%"), _CREDIT),
    (_match("name", "ilike", "%GRÖ%"), []),
    (_match("name", "ilike", "kredit & gr%"), _TITLED),
    (_match("tag", "=", "risk", key="team"), ["credit:1"]),
    (_match("tag", "!=", "risk", key="team"), ["credit:2"]),
    (_match("tag", "ilike", "RI%", key="team"), _CREDIT),
    (_match("tag", "like", "a%b", key="note"), ["credit:1"]),
    (_match("tag", "=", "x" * 200 + "é", key="long"), [f"{_TITLE}:2"]),
    (_match("tag", "=", "x" * 200, key="long"), []),
    (_match("tag", "=", "x", key='no"such\\key'), []),
    (_match("run_id", "=", "r1"), ["credit:1"]),
    (_match("run_id", "!=", "r1"), [*_TITLED, "credit:2"]),
    (_match("run_id", "=", ""), [f"{_TITLE}:2", "credit:2"]),
    (_match("run_id", "in", "r1", "r2"), [f"{_TITLE}:1", "credit:1"]),
    (_match("run_id", "in", "", "r1"), [f"{_TITLE}:2", *_CREDIT]),
    (_match("source", "=", "s3://bucket/x_y*"), ["credit:2"]),
    (_match("source", "like", "s3:%x_y*"), ["credit:2"]),
    (_match("source", "like", "s3:%?"), []),
    (_match("number", ">", 1), [f"{_TITLE}:2", "credit:2"]),
    (_match("number", ">=", 2), [f"{_TITLE}:2", "credit:2"]),
    (_match("number", "<", 2), [f"{_TITLE}:1", "credit:1"]),
    (_match("number", "<=", 0), []),
    (_match("number", "!=", 2), [f"{_TITLE}:1", "credit:1"]),
    (_match("number", "=", 2**62), []),
]

_CONDITIONS: list[tuple[Match, ...]] = [
    (),
    (_match("name", "like", "m0%"),),
    (_match("name", "ilike", "M%5"),),
    (_match("name", "=", "m03"),),
    (_match("name", "like", "none%"),),
    (_match("tag", "=", "risk", key="team"),),
    (_match("tag", "=", "True", key="rare"),),
    (_match("tag", "like", "%", key="team"), _match("number", "<", 9)),
    (_match("tag", "!=", "risk", key="team"), _match("name", "!=", "m07")),
    (_match("tag", "=", "x", key="absent"),),
    (_match("run_id", "=", "r2"), _match("tag", "=", "risk", key="team")),
]

MODELS: list[tuple[Match, list[str]]] = [
    (_match("name", "=", _TITLE), [_TITLE]),
    (_match("name", "like", "%r%e%"), [_TITLE, "credit"]),
    (_match("tag", "=", "a.b", key="kind"), [_TITLE]),
    (_match("tag", "!=", "a.b", key="kind"), []),
    (_match("tag", "like", "a%", key="kind"), [_TITLE]),
    (_match("tag", "=", "x", key='no"such'), []),
]
