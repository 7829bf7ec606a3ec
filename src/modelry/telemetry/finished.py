"""One request that has ended, as its log line and its figures tell it."""

from __future__ import annotations

from typing import NamedTuple


class Finished(NamedTuple):
    """What is known of a request at its end; sizes are the bytes of its bodies.

    `route` is the template that matched (`/registry/models/{model_id}`), so
    that no name and no id is in it. `path` is empty unless it is wanted.
    """

    request_id: str
    method: str
    route: str
    status: int
    seconds: float
    received: int
    sent: int
    actor: str
    address: str
    trace_id: str
    path: str
