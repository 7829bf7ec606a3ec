"""What the log of all chains, small records and the mark of a moment answer, in every store."""

from __future__ import annotations

import threading
from collections.abc import Hashable

from modelry.core.events import (
    REGISTRY,
    Event,
    EventKind,
    LogFilter,
    LogPlace,
    follow,
    project_of,
)
from modelry.core.ports import Store, Unit
from modelry.core.strict_json import Json
from modelry.testing.examples import some_model

CHAINS = ("default", "default/a", "default/b", "team", "team/a", REGISTRY, "team-2/x")
FILTERS = (
    LogFilter(),
    LogFilter(projects=frozenset({"team"})),
    LogFilter(projects=frozenset({"default", REGISTRY})),
    LogFilter(projects=frozenset({"default", "team", "team-2", REGISTRY, "nowhere"})),
    LogFilter(projects=frozenset()),
    LogFilter(chain="default/a"),
    LogFilter(chain="team"),
    LogFilter(chain="default/a", projects=frozenset({"team"})),
    LogFilter(chain="default/a", actor="bo"),
    LogFilter(actor="ada"),
    LogFilter(actor="bo", projects=frozenset({"default"})),
    LogFilter(kinds=frozenset({EventKind.TAGGED})),
    LogFilter(kinds=frozenset({EventKind.TAGGED, EventKind.DENIED}), actor="ada"),
    LogFilter(kinds=frozenset()),
    LogFilter(since=103, until=107),
    LogFilter(since=104, projects=frozenset({"default", "team"})),
    LogFilter(until=101, actor="ada"),
)


class LogConformance:
    """Each test is a promise of `View.log`, `Ledger.keep` or `Store.generation`."""

    def test_the_log_answers_what_passes_its_filter_page_by_page(self, store: Store) -> None:
        everything = store.change(_log)
        everything.sort(key=lambda each: (each.at, each.chain, each.seq), reverse=True)
        for wanted in FILTERS:
            passing = [each for each in everything if _passes(wanted, each)]
            for limit in (1, 3, 100):
                assert _pages(store, wanted, limit) == passing, (wanted, limit)

    def test_the_log_goes_on_from_a_place_where_nothing_is(self, store: Store) -> None:
        everything = store.change(_log)
        for place in (LogPlace(104, "default/aa", 0), LogPlace(104, "", 0), LogPlace(999, "z", 9)):
            before = (place.at, place.chain, place.seq)
            for wanted in FILTERS:
                with store.read() as view:
                    found = {(e.chain, e.seq) for e in view.log(wanted, place, 100)}
                assert found == {
                    (e.chain, e.seq)
                    for e in everything
                    if _passes(wanted, e) and (e.at, e.chain, e.seq) < before
                }, (wanted, place)

    def test_a_record_is_kept_replaced_and_forgotten(self, store: Store) -> None:
        body: dict[str, Json] = {"name": "ünï\n", "n": [1, 2.5, None, True], "deep": {"x": "y"}}
        store.change(lambda unit: unit.keep("token", "a", {"old": 1}, 5))
        store.change(lambda unit: unit.keep("token", "a", body))
        store.change(lambda unit: unit.keep("account", "a", {"other": 1}))
        with store.read() as view:
            assert view.kept("token", "a") == body
            assert view.kept("account", "a") == {"other": 1}
            assert view.kept("token", "b") is None
            assert view.kept("nothing", "a") is None
        assert store.change(lambda unit: unit.expire(10)) == 0
        store.change(lambda unit: unit.drop("token", "a"))
        store.change(lambda unit: unit.drop("token", "a"))
        with store.read() as view:
            assert view.kept("token", "a") is None
            assert view.kept("account", "a") == {"other": 1}

    def test_kept_records_are_listed_by_code_points_of_their_keys(self, store: Store) -> None:
        keys = ["", "A", "B/1", "a", "a/", "a/1", "a/10", "a/2", "a/\u00e9", "a0", "b%", "b_",
                "\u00e9", "\ud7ff", "\ud7ffx", "\ue000", "\uffff", "\U0001f600", "\U0010ffff",
                "\U0010ffffx"]  # fmt: skip

        def change(unit: Unit) -> None:
            for key in keys:
                unit.keep("k", key, {"is": key})
            unit.keep("l", "a/1", {})

        store.change(change)
        ordered = sorted(keys)
        with store.read() as view:
            listed = [key for key, _ in view.all_kept("k", after="")]
            assert listed == [key for key in ordered if key]
            for prefix in ("", "a", "a/", "b", "b%", "\ud7ff", "\ue000", "\U0010ffff", "zz"):
                wanted = [key for key in ordered if key and key.startswith(prefix)]
                found = view.all_kept("k", prefix)
                assert [key for key, _ in found] == wanted, prefix
                assert [body["is"] for _, body in found] == wanted
                later = [key for key, _ in view.all_kept("k", prefix, "a/1", 2)]
                assert later == [key for key in wanted if key > "a/1"][:2], prefix

    def test_what_is_past_its_time_is_forgotten(self, store: Store) -> None:
        def change(unit: Unit) -> None:
            for key, until in (("past", 9), ("now", 10), ("later", 11), ("always", None)):
                unit.keep("k", key, {}, until)

        store.change(change)
        assert store.change(lambda unit: unit.expire(10)) == 1
        with store.read() as view:
            assert [key for key, _ in view.all_kept("k")] == ["always", "later", "now"]

    def test_the_mark_of_a_moment_changes_with_every_change_and_only_then(
        self, store: Store
    ) -> None:
        marks = [store.generation()]
        assert store.generation() == marks[0]
        for number in range(5):
            store.change(lambda unit, n=number: unit.keep("k", str(n), {}))  # type: ignore[misc]  # one argument
            marks.append(store.generation())
            assert store.generation() == marks[-1]
        thread = threading.Thread(target=lambda: store.change(lambda unit: unit.drop("k", "0")))
        thread.start()
        thread.join()
        marks.append(store.generation())
        store.change(lambda unit: unit.add_model(some_model()))
        marks.append(store.generation())
        assert len(set(marks)) == len(marks)

    def test_whoever_finds_one_mark_before_and_after_has_read_what_holds(
        self, store: Store
    ) -> None:
        """A cache that trusts the mark never answers less than was acknowledged."""
        acknowledged, ended = [0], threading.Event()

        def write() -> None:
            for number in range(1, 60):
                store.change(lambda unit, n=number: unit.keep("k", "n", {"n": n}))  # type: ignore[misc]  # one argument
                acknowledged[0] = number
            ended.set()

        writer = threading.Thread(target=write)
        writer.start()
        cached = 0
        mark: Hashable = None
        stale: list[tuple[int, int]] = []
        while not ended.is_set():
            least = acknowledged[0]
            if store.generation() == mark:
                stale += [(cached, least)] if cached < least else []
                continue
            mark = store.generation()
            with store.read() as view:
                body = view.kept("k", "n")
            cached = int(str(body["n"])) if body else 0
        writer.join()
        assert stale == []


def _log(unit: Unit) -> list[Event]:
    events: list[Event] = []
    kinds = (EventKind.TAGGED, EventKind.PROMOTED, EventKind.DENIED)
    unit.add_model(some_model("a"))
    for step in range(30):
        chain = CHAINS[step * 5 % len(CHAINS)]
        event = follow(unit.head(chain), chain, kinds[step % 3], actor="ada" if step % 4 else "bo",
                       now=100 + step // 3, number=None, body={"n": step})  # fmt: skip
        unit.append(event)
        events.append(event)
    return events


def _passes(wanted: LogFilter, event: Event) -> bool:
    return all(
        (
            wanted.projects is None or project_of(event.chain) in wanted.projects,
            wanted.chain is None or event.chain == wanted.chain,
            wanted.actor is None or event.actor == wanted.actor,
            wanted.kinds is None or event.kind in wanted.kinds,
            wanted.since is None or event.at >= wanted.since,
            wanted.until is None or event.at <= wanted.until,
        )
    )


def _pages(store: Store, wanted: LogFilter, limit: int) -> list[Event]:
    found: list[Event] = []
    place = None
    while True:
        with store.read() as view:
            page = view.log(wanted, place, limit)
        found += page
        if len(page) < limit:
            return found
        place = LogPlace(page[-1].at, page[-1].chain, page[-1].seq)
