"""From a refusal to an answer of the component: `{"detail": ...}`, as its example has it."""

from __future__ import annotations

from starlette.responses import Response

from modelry.core.errors import Conflict, RegistryError
from modelry.server import plain

STATUS: plain.Statuses = {**plain.STATUS, Conflict: 400}
EXISTS = "Model version already exists"


def refused(error: RegistryError) -> Response:
    """Answer a refusal. A version that is there already has the words of the document (S2.18)."""
    taken = isinstance(error, Conflict) and "version" in error.facts
    return plain.refused(error, STATUS, EXISTS if taken else None)
