"""Opening the registry of a server, with the token that is for it."""

from __future__ import annotations

from pathlib import Path

import httpx

from modelry.remotes.client.address import address_of
from modelry.remotes.client.client import Client
from modelry.remotes.client.credentials import find_token
from modelry.remotes.client.patience import PATIENCE
from modelry.remotes.client.wire import Wire
from modelry.surroundings import LocalSurroundings


class PlainHttp(UserWarning):
    """A token is about to travel unencrypted, where anybody on the way can read it."""


_warned: set[str] = set()


def open_client(
    uri: str,
    *,
    home: Path,
    token: str | None = None,
    patience: float = PATIENCE,
    transport: httpx.BaseTransport | None = None,
) -> Client:
    """Open the registry at `uri`; nothing is asked before the first verb.

    Without `token` the one that `modelry login` kept for this server is taken.
    `patience` is for how many seconds a request that fails is tried again. Raises
    `Invalid` for an address with a secret in it; warns `PlainHttp`, once for
    each server, where a token would travel unencrypted to another machine.
    """
    address = address_of(uri)
    secret = token or find_token(address.origin, home)
    if secret and address.plain and not address.loopback and address.origin not in _warned:
        _warned.add(address.origin)
        msg = f"the token travels to {address} unencrypted; use https://"
        LocalSurroundings().warn(msg, PlainHttp)
    return Client(Wire(address, secret, patience=patience, transport=transport), home)
