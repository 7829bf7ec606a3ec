"""What a server says in the protocol of another registry, which it speaks beside its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelry.remotes.client.problems import document_of
from modelry.remotes.client.wire import Ask, Wire

_MEDIA_TYPE = "application/json"


def spoken(wire: Wire, ask: Ask) -> Mapping[str, Any]:
    """Answer the document that a route of another protocol answers.

    A refusal in the words of that protocol is such a document too: whoever
    speaks it reads it. Raises any other refusal, and `Unavailable` where what
    answers is no modelry server.
    """
    response = wire.answer(ask)
    document = document_of(response, _MEDIA_TYPE)
    if document is None:
        raise wire.refusal(response)
    return document
