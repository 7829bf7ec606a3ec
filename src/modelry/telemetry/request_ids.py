"""A name for each request, which its log line, its events and its answer all carry."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextvars import ContextVar

HEADER = b"x-request-id"
current: ContextVar[str] = ContextVar("modelry_request_id", default="")
"""The id of the request that this thread or task works for, empty outside of one."""

_VALID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_BYTES = 16


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Answer the id that the caller gave, where it is a fit one, else a new one.

    Fit are 1 to 64 letters, digits, dots, underscores and hyphens: such an id
    can stand in any log and header.
    """
    for name, value in headers:
        if name == HEADER and _VALID.fullmatch(value):
            return value.decode("ascii")
    return os.urandom(_BYTES).hex()
