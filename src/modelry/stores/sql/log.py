"""Events: one chain after another, and the log of all of them in the order of time.

Each single filter of the log has an index in the log's order. One of them
drives; the others are tested on what it yields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    String,
    and_,
    bindparam,
    func,
    literal,
    select,
    tuple_,
)

from modelry.core.events import Event, EventKind, Head, LogFilter, LogPlace, model_chain, project_of
from modelry.core.model import Model, Stamp
from modelry.stores.sql import rows
from modelry.stores.sql.apart import apart
from modelry.stores.sql.look import Look
from modelry.stores.sql.statement import Statement
from modelry.stores.sql.tables import events, heads, moves, touched

_BATCH = 500
_PLACE = tuple_(events.c.at, events.c.chain, events.c.seq)
HEAD = Statement(select(*rows.HEAD_COLUMNS).where(heads.c.chain == bindparam("chain")))
_LAST_AT = (
    select(events.c.seq)
    .where(events.c.chain == bindparam("chain"), events.c.at <= bindparam("at"))
    .order_by(events.c.at.desc(), events.c.seq.desc())
    .limit(1)
)

_UPDATED = (
    select(touched.c.number, func.max(events.c.at))
    .join(events, and_(events.c.chain == touched.c.chain, events.c.seq == touched.c.seq))
    .where(
        touched.c.chain == bindparam("chain"),
        touched.c.number.in_(bindparam("numbers", expanding=True)),
        events.c.kind != str(EventKind.DENIED),
    )
    .group_by(touched.c.number)
)
_LAST_MOVES = (
    select(moves.c.number.label("number"), func.max(moves.c.seq).label("seq"))
    .where(
        moves.c.model_id == bindparam("model"),
        moves.c.name == bindparam("pointer"),
        moves.c.number.in_(bindparam("numbers", expanding=True)),
    )
    .group_by(moves.c.number)
    .subquery()
)
_APPROVED = select(_LAST_MOVES.c.number, events.c.actor, events.c.at).join(
    events, and_(events.c.chain == bindparam("chain"), events.c.seq == _LAST_MOVES.c.seq)
)

Condition = ColumnElement[bool]


class LogLook(Look):
    """The part of `View` about events."""

    def head(self, chain: str) -> Head | None:
        """See `View.head`."""
        row = self._row(HEAD, chain=chain)
        return rows.head(row) if row else None

    def heads(self) -> Sequence[Head]:
        """See `View.heads`."""
        query = select(*rows.HEAD_COLUMNS).order_by(heads.c.chain)
        return [rows.head(row) for row in self._rows(query)]

    def stamps(
        self, model: Model, numbers: Sequence[int], pointer: str | None
    ) -> Mapping[int, Stamp]:
        """See `View.stamps`."""
        chain = model_chain(model.project, model.name)
        approved: dict[int, tuple[str, int]] = {}
        if pointer is not None:
            for number, actor, at in self._rows(
                _APPROVED, model=model.id, pointer=pointer, numbers=numbers, chain=chain
            ):
                approved[number] = (actor, at)
        return {
            number: Stamp(at, *approved.get(number, (None, None)))
            for number, at in self._rows(_UPDATED, chain=chain, numbers=numbers)
        }

    def events(
        self, chain: str, number: int | None, below: int | None, limit: int
    ) -> Sequence[Event]:
        """See `View.events`."""
        by = events if number is None else touched  # the table that gives the order
        query = select(*rows.EVENT_COLUMNS).where(by.c.chain == chain)
        if number is not None:
            same = and_(events.c.chain == touched.c.chain, events.c.seq == touched.c.seq)
            query = query.select_from(touched.join(events, same)).where(touched.c.number == number)
        if below is not None:
            query = query.where(by.c.seq < below)
        query = query.order_by(by.c.seq.desc()).limit(limit)
        return [rows.event(row) for row in self._rows(query)]

    def last_at(self, chain: str, at: int) -> int:
        """See `View.last_at`."""
        row = self._row(_LAST_AT, chain=chain, at=at)
        return int(row[0]) if row else 0

    def every_event(self, chain: str) -> Iterator[Event]:
        """See `View.every_event`."""
        last = -(2**62)  # an edited record may carry any number
        while True:
            query = (
                select(*rows.EVENT_COLUMNS)
                .where(events.c.chain == chain, events.c.seq > last)
                .order_by(events.c.seq)
                .limit(_BATCH)
            )
            found = [rows.event(row) for row in self._rows(query)]
            yield from found
            if len(found) < _BATCH:
                return
            last = found[-1].seq

    def log(self, wanted: LogFilter, before: LogPlace | None, limit: int) -> Sequence[Event]:
        """See `View.log`."""
        tests = _tests(wanted)
        if wanted.chain is not None:
            if wanted.projects is not None and project_of(wanted.chain) not in wanted.projects:
                return ()
            driver = [events.c.chain == wanted.chain, *_below_in_chain(wanted.chain, before)]
            return self._latest([*driver, *tests, *_by(wanted.actor)], limit)
        tests += [] if before is None else [_place(before.at, before.chain, before.seq) > _PLACE]
        if wanted.actor is not None:
            inside = [] if wanted.projects is None else [apart(events.c.project).in_(
                sorted(wanted.projects))]  # fmt: skip
            return self._latest([events.c.actor == wanted.actor, *tests, *inside], limit)
        if wanted.projects is not None:
            return self._latest_of(events.c.project, sorted(wanted.projects), tests, limit)
        if wanted.kinds is not None:
            kinds = sorted(str(kind) for kind in wanted.kinds)
            return self._latest_of(events.c.kind, kinds, tests, limit)
        return self._latest(tests, limit)

    def _latest(self, conditions: Sequence[Condition], limit: int) -> Sequence[Event]:
        query = (
            select(*rows.EVENT_COLUMNS)
            .where(*conditions)
            .order_by(events.c.at.desc(), events.c.chain.desc(), events.c.seq.desc())
            .limit(limit)
        )
        return [rows.event(row) for row in self._rows(query)]

    def _latest_of(
        self,
        column: ColumnElement[str],
        values: Sequence[str],
        tests: Sequence[Condition],
        limit: int,
    ) -> Sequence[Event]:
        """Merge the latest of each value: no index holds several in the order of time."""
        found: list[Event] = []
        for value in values:
            full = len(found) == limit and limit > 0
            above = [_place(*_where(found[-1])) < _PLACE] if full else []
            of_value = [column == value, *tests, *above]
            found = sorted([*found, *self._latest(of_value, limit)], key=_where, reverse=True)
            found = found[:limit]
        return found


def _where(event: Event) -> tuple[int, str, int]:
    return event.at, event.chain, event.seq


def _place(at: int, chain: str, seq: int) -> Any:  # noqa: ANN401 - a row value
    return tuple_(literal(at, BigInteger), literal(chain, String), literal(seq, BigInteger))


def _below_in_chain(chain: str, before: LogPlace | None) -> list[Condition]:
    """Say what is before a place that may be in another chain, by the index of this one."""
    if before is None:
        return []
    if before.chain == chain:
        own = tuple_(events.c.at, events.c.seq)
        return [own < tuple_(literal(before.at, BigInteger), literal(before.seq, BigInteger))]
    return [events.c.at <= before.at if chain < before.chain else events.c.at < before.at]


def _tests(wanted: LogFilter) -> list[Condition]:
    found: list[Condition] = []
    if wanted.kinds is not None:
        found.append(apart(events.c.kind).in_(sorted(str(kind) for kind in wanted.kinds)))
    if wanted.since is not None:
        found.append(events.c.at >= wanted.since)
    if wanted.until is not None:
        found.append(events.c.at <= wanted.until)
    return found


def _by(actor: str | None) -> list[Condition]:
    return [] if actor is None else [apart(events.c.actor) == actor]
