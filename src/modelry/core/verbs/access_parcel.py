"""Records of who may come in, as an archive brings them: checked before they are believed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import NoneType

from modelry.core.access import Role
from modelry.core.accounts import (
    ACCOUNT,
    MEMBER,
    MEMBER_OF,
    PUBLISHER,
    TOKEN,
    check_account,
    check_where,
)
from modelry.core.names import check_project
from modelry.core.strict_json import Json

_TEXT, _WHOLE, _MAYBE_TEXT, _MAYBE_WHOLE = (str,), (int,), (str, NoneType), (int, NoneType)
_MEMBER = {"role": _TEXT, "since": _WHOLE}
_SHAPES: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    ACCOUNT: {"kind": _TEXT, "created": _WHOLE, "disabled": _MAYBE_WHOLE, "subject": _MAYBE_TEXT},
    MEMBER: _MEMBER,
    MEMBER_OF: _MEMBER,
    TOKEN: {
        "account": _TEXT, "name": _TEXT, "digest": _TEXT, "created": _WHOLE, "expires": _MAYBE_WHOLE,
        "project": _MAYBE_TEXT, "role": _MAYBE_TEXT, "used": _MAYBE_WHOLE,
    },
    PUBLISHER: {
        "issuer": _TEXT, "claims": (dict,), "account": _TEXT, "role": _TEXT, "created": _WHOLE,
    },
}  # fmt: skip
_KINDS = frozenset({"user", "service"})
_TOKEN_ID = re.compile(r"[a-z0-9]{12}", re.ASCII)
_PUBLISHER_ID = re.compile(r"[0-9a-f]{12}", re.ASCII)


def check_access(kind: str, key: str, body: Json) -> Mapping[str, Json]:
    """Answer a record as our own writers write it.

    Raises `KeyError` for another kind, and `ValueError` or `Invalid` for
    anything that no writer of ours writes.
    """
    shape = _SHAPES[kind]
    if not isinstance(body, dict) or body.keys() != shape.keys():
        msg = f"the {kind} {key!r} has other facts"
        raise ValueError(msg)
    wrong = [name for name, types in shape.items() if type(body[name]) not in types]
    if wrong or not _holds(kind, key, body):
        msg = f"the {kind} {key!r} is none"
        raise ValueError(msg)
    return body


def _holds(kind: str, key: str, body: Mapping[str, Json]) -> bool:
    role = body.get("role")
    if role is not None:
        Role(str(role))
    first, _, second = key.partition("/")
    if kind == ACCOUNT:
        return check_account(key) == key and body["kind"] in _KINDS
    if kind == MEMBER:
        return (check_account(first), check_where(second)) == (first, second)
    if kind == MEMBER_OF:
        return (check_where(first), check_account(second)) == (first, second)
    if kind == TOKEN:
        return _TOKEN_ID.fullmatch(key) is not None
    claims = body["claims"]
    named = isinstance(claims, dict) and all(isinstance(each, str) for each in claims.values())
    return named and check_project(first) == first and _PUBLISHER_ID.fullmatch(second) is not None
