"""Conditional changes: `If-Match` is looked at inside the change itself (RFC 9110, 13.1.1)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from starlette.requests import Request

from modelry.core.errors import Conflict
from modelry.core.names import parse_model
from modelry.core.ports import View
from modelry.core.verbs.listing import stamps
from modelry.server import answers
from modelry.server.dialects.native.places import is_id

Guard = Callable[[View], None]


def version_guard(request: Request, version_id: str) -> Guard | None:
    """Look whether a version still is what its caller saw; None where nobody asks."""
    wanted = _wanted(request)
    if wanted is None:
        return None

    def guard(view: View) -> None:
        version = view.find_version(version_id)
        if version is not None:
            body = answers.version_body(version, stamps(view, (version,)))
            _compare(wanted, answers.etag_of(msgspec.json.encode(body)))

    return guard


def model_guard(request: Request, place: str) -> Guard | None:
    """Look whether a model still is what its caller saw, likewise."""
    wanted = _wanted(request)
    if wanted is None:
        return None

    def guard(view: View) -> None:
        ref = None if is_id(place) else parse_model(place)
        model = view.model(ref.project, ref.name) if ref else view.find_model(place)
        if model is not None:
            _compare(wanted, answers.etag_of_model(answers.model_body(model)))

    return guard


def _wanted(request: Request) -> frozenset[str] | None:
    header = request.headers.get("if-match", "*").strip()
    return None if header == "*" else frozenset(each.strip() for each in header.split(","))


def _compare(wanted: frozenset[str], now: str) -> None:
    if now not in wanted:
        msg = "it changed since you read it; look again and decide"
        raise Conflict(msg, reason="precondition", etag=now)
