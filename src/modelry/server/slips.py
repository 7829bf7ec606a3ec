"""Upload slips: what an upload is for and whose it is, signed, so that nobody keeps a list.

Any process of a service reads a slip that another one made: they share the
secret, which is kept beside the models.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from modelry.core.errors import NotFound
from modelry.core.ports import Store, Unit
from modelry.core.strict_json import Json, dumps, loads

KIND = "secret"
_NAME = "uploads"
_SIGNATURE = 32
_WHOLE = "upload"


@dataclass(frozen=True, slots=True)
class Slip:
    """An upload: its name among the bytes, its account, and what its bytes must be."""

    upload: str
    account: str
    sha256: str
    size: int


class Slips:
    """Writes slips and reads them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: bytes | None = None

    def new(self, account: str, sha256: str, size: int) -> Slip:
        """Make a slip for an upload that nobody can guess."""
        return Slip(secrets.token_hex(16), account, sha256, size)

    def write(self, slip: Slip) -> str:
        """Answer a slip as text for a path: letters, digits, `-` and `_`."""
        return self.sign(_WHOLE, [slip.upload, slip.account, slip.sha256, slip.size])

    def read(self, text: str, account: str) -> Slip:
        """Read what `write` wrote for this account. Raises `NotFound` for everything else."""
        facts = self.signed(_WHOLE, text)
        if facts is not None:
            slip = Slip(*cast("tuple[str, str, str, int]", tuple(facts)))
            if slip.account == account:
                return slip
        msg = "there is no such upload; begin it anew (POST /registry/uploads)"
        raise NotFound(msg)

    def sign(self, purpose: str, facts: Sequence[Json]) -> str:
        """Answer facts that nobody can change, as text: letters, digits, `-` and `_`."""
        body = dumps([purpose, *facts]).encode()
        signature = hmac.digest(self._secret(), body, hashlib.sha256)
        return base64.urlsafe_b64encode(signature + body).decode().rstrip("=")

    def signed(self, purpose: str, text: str) -> Sequence[Json] | None:
        """Answer the facts of a text that `sign` wrote for this purpose, else None."""
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        signature, body = data[:_SIGNATURE], data[_SIGNATURE:]
        right = hmac.digest(self._secret(), body, hashlib.sha256)
        if not body or not hmac.compare_digest(signature, right):
            return None
        said, *facts = cast("list[Json]", loads(body, "a slip"))
        return facts if said == purpose else None

    def _secret(self) -> bytes:
        if self._known is None:
            with self._store.read() as view:
                kept = view.kept(KIND, _NAME)
            if kept is None:
                kept = self._store.change(_make)
            self._known = bytes.fromhex(str(kept["secret"]))
        return self._known


def _make(unit: Unit) -> dict[str, Json]:
    kept = unit.kept(KIND, _NAME)  # another process may have been faster
    if kept is not None:
        return dict(kept)
    made: dict[str, Json] = {"secret": secrets.token_hex(32)}
    unit.keep(KIND, _NAME, made)
    return made
