"""Pages of a search: an opaque token that holds where the next one begins."""

from __future__ import annotations

import base64
import binascii
import json

from modelry.server.dialects.mlflow.refusals import invalid

_MOST = 2**53
_LONGEST = 200


def offset_of(token: str) -> int:
    """Answer where a page begins. Raises `Refusal` for what no search answered."""
    if not token:
        return 0
    try:
        decoded = base64.b64decode(token[:_LONGEST], validate=True)
    except (binascii.Error, ValueError) as error:
        msg = "Invalid page token, could not base64-decode"
        raise invalid(msg) from error
    try:
        value = json.loads(decoded)
    except (ValueError, RecursionError) as error:
        msg = f"Invalid page token, decoded value={decoded!r}"
        raise invalid(msg) from error
    offset = value.get("offset") if isinstance(value, dict) else None
    if isinstance(offset, bool) or not isinstance(offset, int) or not 0 < offset < _MOST:
        msg = f"Invalid page token, parsed value={value!r}"
        raise invalid(msg)
    return offset


def token_of(offset: int) -> str:
    """Answer the token of the page that begins at `offset`."""
    return base64.b64encode(json.dumps({"offset": offset}).encode()).decode()
