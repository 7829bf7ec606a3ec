"""What a server says in the protocol of another registry, which it speaks beside its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from modelry.remotes.client.wire import Ask, Wire

_MEDIA_TYPE = "application/json"


def spoken(wire: Wire, ask: Ask) -> Mapping[str, Any]:
    """Answer the document that a route of another protocol answers.

    A refusal in the words of that protocol is such a document too: whoever
    speaks it reads it. Raises any other refusal, and `Unavailable` where what
    answers is no modelry server.
    """
    response = wire.answer(ask)
    document = _document(response)
    if document is None:
        raise wire.refusal(response)
    return document


def _document(response: httpx.Response) -> Mapping[str, Any] | None:
    if response.headers.get("content-type", "").partition(";")[0].strip() != _MEDIA_TYPE:
        return None
    try:
        value = response.json()
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
