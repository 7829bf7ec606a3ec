"""What can happen, and the hash chain over it.

An event is the one record of a change. Each model has a chain of events, and
so has each project for what concerns no single model. An event's hash covers
its content and the hash before it, so that an edited, removed or reordered
record is found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from typing import Any, cast

from modelry.core.model import moment
from modelry.core.strict_json import Json, dumps

GENESIS = "0" * 64

REGISTRY = "@registry"
"""The chain of what concerns the whole registry; no project can be called so."""


class EventKind(StrEnum):
    """Everything that can happen, in the past tense."""

    PROJECT_CREATED = "project.created"
    MEMBER_SET = "member.set"
    MEMBER_REMOVED = "member.removed"
    ACCOUNT_CREATED = "account.created"
    ACCOUNT_DISABLED = "account.disabled"
    ACCOUNT_ENABLED = "account.enabled"
    TOKEN_CREATED = "token.created"  # noqa: S105 - a kind of event
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - a kind of event
    PUBLISHER_TRUSTED = "publisher.trusted"
    PUBLISHER_DISTRUSTED = "publisher.distrusted"
    STAGES_CHANGED = "project.stages_changed"
    MODEL_CREATED = "model.created"
    MODEL_TAGGED = "model.tagged"
    MODEL_DESCRIBED = "model.described"
    MODEL_DELETED = "model.deleted"
    MODEL_RENAMED = "model.renamed"
    MODEL_IMPORTED = "model.imported"
    REGISTERED = "version.registered"
    PROMOTED = "version.promoted"
    ARCHIVED = "version.archived"
    TAGGED = "version.tagged"
    DESCRIBED = "version.described"
    DELETED = "version.deleted"
    PURGED = "version.purged"
    DEPLOYED = "version.deployed"
    ROLLED_BACK = "stage.rolled_back"
    ALIAS_SET = "alias.set"
    ALIAS_REMOVED = "alias.removed"
    EXPERIMENT_CREATED = "experiment.created"
    EXPERIMENT_RENAMED = "experiment.renamed"
    EXPERIMENT_DELETED = "experiment.deleted"
    EXPERIMENT_RESTORED = "experiment.restored"
    RUN_DELETED = "run.deleted"
    RUN_RESTORED = "run.restored"
    LOGGED_MODEL_DELETED = "logged_model.deleted"
    ARTIFACTS_DELETED = "artifacts.deleted"
    DENIED = "change.denied"


@dataclass(frozen=True, slots=True)
class Event:
    """One change: who did what when, chained to what happened before.

    `number` is the version it is about, None where it is about a whole model
    or project. `body["stages"]` lists `[number, from, to]`, `body["moves"]`
    lists `[pointer, kind, number or None, entry, below or None]`, and
    `body["buried"]` the numbers that were deleted.
    """

    chain: str
    seq: int
    kind: EventKind
    actor: str
    at: int
    number: int | None
    body: Mapping[str, Json]
    prev: str
    hash: str

    @property
    def happened_at(self) -> datetime:
        """When it happened; never before the event before it."""
        return moment(self.at)

    @property
    def comment(self) -> str:
        """What the actor said about it, empty where nothing."""
        return str(self.body.get("comment", ""))


@dataclass(frozen=True, slots=True)
class Head:
    """The last link of a chain."""

    chain: str
    seq: int
    hash: str
    at: int


@dataclass(frozen=True, slots=True)
class LogPlace:
    """A place in the log of all chains, which is in the order of (time, chain, sequence)."""

    at: int
    chain: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which events of all chains are wanted; what is None lets everything through.

    `projects` are projects with everything in them (`REGISTRY` is the chain of
    what concerns no project), `chain` is one chain, `since` and `until` are
    times, both inclusive.
    """

    projects: frozenset[str] | None = None
    chain: str | None = None
    actor: str | None = None
    kinds: frozenset[EventKind] | None = None
    since: int | None = None
    until: int | None = None


EVERYTHING = LogFilter()
"""Lets every event through."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that verification found; `where` names the record."""

    where: str
    what: str


def model_chain(project: str, name: str) -> str:
    """Name the chain of a model."""
    return f"{project.lower()}/{name.lower()}"


def project_of(chain: str) -> str:
    """Answer the project that a chain belongs to, `REGISTRY` for the registry's own."""
    return chain.partition("/")[0]


def follow(  # noqa: PLR0913 - an event has this many facts
    head: Head | None,
    chain: str,
    kind: EventKind,
    *,
    actor: str,
    now: int,
    number: int | None,
    body: Mapping[str, Json],
) -> Event:
    """Make the event that comes after `head`, which is None at the start of a chain.

    Order is by sequence. A clock that went back is not believed: the time is
    never before that of the event before, and `body["clock"]` keeps what the
    clock said.
    """
    seq, prev = (head.seq + 1, head.hash) if head else (1, GENESIS)
    at = time_after(head, now)
    if now < at:
        body = {**body, "clock": now}
    return Event(chain, seq, kind, actor, at, number, body, prev, _hash(
        chain, seq, kind, actor, at, number, body, prev))  # fmt: skip


def time_after(head: Head | None, now: int) -> int:
    """Answer the time that an event after `head` gets when the clock says `now`."""
    return max(now, head.at) if head else now


def hash_of(event: Event) -> str:
    """Answer the hash that the content of `event` must have."""
    return _hash(
        event.chain, event.seq, event.kind, event.actor,
        event.at, event.number, event.body, event.prev,
    )  # fmt: skip


def _hash(  # noqa: PLR0913 - the fields of the record, in its order
    chain: str,
    seq: int,
    kind: str,
    actor: str,
    at: int,
    number: int | None,
    body: Mapping[str, Json],
    prev: str,
) -> str:
    record: list[Json] = [chain, seq, str(kind), actor, at, number, body, prev]
    return hashlib.sha256(dumps(record).encode()).hexdigest()


def relabels(event: Event) -> Iterator[tuple[int, str, str]]:
    """Answer each version that changed its stage: number, stage before, stage after."""
    for row in cast("list[tuple[int, str, str]]", event.body.get("stages", [])):
        number, before, after = row
        yield number, before, after


_OF_VERSIONS: Mapping[str, Callable[[Any], int]] = {
    "stages": itemgetter(0),
    "buried": int,
    "emptied": int,
    "versions": itemgetter("number"),
}
"""What a body may tell of versions, and how each row names one."""


def touched(event: Event) -> frozenset[int]:
    """Answer the numbers of all versions that the event changed."""
    numbers = {event.number} if event.number else set[int]()
    for fact in _OF_VERSIONS.keys() & event.body.keys():
        rows = cast("list[Any]", event.body[fact])
        numbers.update(_OF_VERSIONS[fact](row) for row in rows)
    return frozenset(numbers)


def verify_chain(events: Iterable[Event], head: Head | None) -> Iterator[Problem]:
    """Find every record that was edited, removed or put elsewhere, naming it."""
    expected, prev, name = 1, GENESIS, head.chain if head else ""
    for event in events:
        name = event.chain
        where = f"{name}#{event.seq}"
        if event.seq != expected:
            yield Problem(f"{name}#{expected}", f"is missing: the next record is #{event.seq}")
        elif event.prev != prev:
            yield Problem(where, "does not follow the record before it")
        if hash_of(event) != event.hash:
            yield Problem(where, "was edited: its content does not have its hash")
        expected, prev = event.seq + 1, event.hash
    if head is None:
        if expected > 1:
            yield Problem(f"{name}#{expected - 1}", "is not what the head of its chain says")
    elif head.seq >= expected:
        yield Problem(f"{name}#{expected}", f"is missing: the chain ends at #{head.seq}")
    elif (head.seq, head.hash) != (expected - 1, prev):
        yield Problem(f"{name}#{expected - 1}", "is not what the head of its chain says")
