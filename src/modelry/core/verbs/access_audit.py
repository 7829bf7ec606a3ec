"""Auditing who may come in: are accounts, members, tokens and publishers what the events tell?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from modelry.core.accounts import ACCOUNT, MEMBER, MEMBER_OF, PUBLISHER, TOKEN, seal_of, token_of
from modelry.core.events import REGISTRY, Event, EventKind, Problem
from modelry.core.ports import View
from modelry.core.strict_json import Json

_PAGE = 1000
_NOUNS = {
    ACCOUNT: "account",
    MEMBER: "member",
    MEMBER_OF: "member",
    TOKEN: "token",
    PUBLISHER: "publisher",
}

Records = dict[tuple[str, str], Mapping[str, Json]]


def audit_access(view: View) -> Iterator[Problem]:
    """Find every record of who may come in that is not what its events say, naming it.

    The chains of the registry and of its projects must be whole. When a token
    was last used is no event and may be anything.
    """
    told: Records = {}
    for chain in (REGISTRY, *view.projects()):
        for event in view.every_event(chain):
            try:
                _fold(told, event)
            except (KeyError, TypeError):
                yield Problem(f"{chain}#{event.seq}", "does not say what its kind says")
    kept = {(kind, key): _comparable(kind, key, body) for kind, key, body in kept_records(view)}
    for kind, key in sorted(told.keys() | kept.keys()):
        where = f"{_NOUNS[kind]} {key}"
        if (kind, key) not in told:
            yield Problem(where, "has no event that made it")
        elif (kind, key) not in kept:
            yield Problem(where, "is told by the events and is gone")
        elif told[kind, key] != kept[kind, key]:
            yield Problem(where, "is not as its events say")


def kept_records(view: View) -> Iterator[tuple[str, str, Mapping[str, Json]]]:
    """Answer every record of who may come in: its kind, its key, its body."""
    for kind in _NOUNS:
        after = ""
        while page := view.all_kept(kind, "", after, _PAGE):
            for key, body in page:
                yield kind, key, body
            after = page[-1][0]


def _comparable(kind: str, key: str, body: Mapping[str, Json]) -> Mapping[str, Json]:
    """Answer what events tell of a record: of a token its seal, of all else the whole."""
    if kind != TOKEN:
        return dict(body)
    try:
        return {"sealed": seal_of(token_of(key, body))}
    except (KeyError, ValueError):
        return dict(body)


def _fold(told: Records, event: Event) -> None:
    """Take in what an event says of who may come in; all others say nothing of it."""
    body, kind = event.body, event.kind
    at = cast("int", body.get("clock", event.at))
    if kind is EventKind.ACCOUNT_CREATED:
        told[ACCOUNT, str(body["account"])] = {
            "kind": body["kind"], "created": at, "disabled": None, "subject": body["subject"],
        }  # fmt: skip
    elif kind in {EventKind.ACCOUNT_DISABLED, EventKind.ACCOUNT_ENABLED}:
        key = (ACCOUNT, str(body["account"]))
        told[key] = {**told[key], "disabled": at if kind is EventKind.ACCOUNT_DISABLED else None}
    elif kind in {EventKind.MEMBER_SET, EventKind.MEMBER_REMOVED}:
        _fold_member(told, event, at)
    elif kind is EventKind.TOKEN_CREATED:
        told[TOKEN, str(body["token"])] = {"sealed": body["sealed"]}
    elif kind is EventKind.TOKEN_REVOKED:
        told.pop((TOKEN, str(body["token"])), None)
    elif kind is EventKind.PUBLISHER_TRUSTED:
        facts = ("issuer", "claims", "account", "role", "created")
        told[PUBLISHER, f"{event.chain}/{body['publisher']}"] = {each: body[each] for each in facts}
    elif kind is EventKind.PUBLISHER_DISTRUSTED:
        told.pop((PUBLISHER, f"{event.chain}/{body['publisher']}"), None)


def _fold_member(told: Records, event: Event, at: int) -> None:
    account = str(event.body["account"])
    where = "*" if event.chain == REGISTRY else event.chain
    for key in ((MEMBER, f"{account}/{where}"), (MEMBER_OF, f"{where}/{account}")):
        if event.kind is EventKind.MEMBER_SET:
            told[key] = {"role": event.body["role"], "since": at}
        else:
            told.pop(key, None)
