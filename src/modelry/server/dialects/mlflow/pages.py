"""Pages: an offset that travels as MLflow's own tokens do."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from modelry.server.dialects.mlflow.asked import Asked
from modelry.server.dialects.mlflow.doors import Document
from modelry.server.dialects.mlflow.refusals import invalid

T = TypeVar("T")
_MOST = 10**9
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Window:
    """The part of an answer that is wanted."""

    skip: int
    limit: int


def page_in(asked: Asked, *, default: int, most: int) -> Window:
    """Read which page is wanted."""
    limit = asked.within("max_results", default, 1, most)
    return Window(_offset(asked.text("page_token")), limit)


def page(name: str, items: Sequence[T], window: Window, shape: Callable[[T], object]) -> Document:
    """Answer a page of `items`, of which one more than wanted was asked for."""
    document: dict[str, object] = {}
    if items:
        # Each is written at once: a page of hundreds is large in pieces, and small in bytes.
        written = [_ENCODER.encode(shape(each)) for each in items[: window.limit]]
        written[0] = b"[" + written[0]
        written[-1] += b"]"
        document[name] = msgspec.Raw(b",".join(written))
    if len(items) > window.limit:
        document["next_page_token"] = _token(window.skip + window.limit)
    return document


def _token(offset: int) -> str:
    return base64.b64encode(json.dumps({"offset": offset}).encode()).decode()


def _offset(token: str) -> int:
    if not token:
        return 0
    try:
        value = json.loads(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        msg = "Invalid page token, could not base64-decode"
        raise invalid(msg) from error
    offset = value.get("offset") if isinstance(value, dict) else None
    if isinstance(offset, bool) or not isinstance(offset, int) or not 0 < offset <= _MOST:
        msg = "Invalid page token, it holds no offset"
        raise invalid(msg)
    return offset
