"""The Hub's errors as ours, in one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

from modelry.core.errors import (
    Conflict,
    Denied,
    Invalid,
    NotFound,
    RegistryError,
    Unauthenticated,
    Unavailable,
)

_KINDS: Mapping[int, type[RegistryError]] = {
    400: Invalid, 401: Unauthenticated, 403: Denied, 404: NotFound, 409: Conflict, 412: Conflict,
    422: Invalid,
}  # fmt: skip


_NETWORK: tuple[type[Exception], ...] = (
    *(base for base in HfHubHTTPError.__mro__ if base.__name__ == "HTTPError"),
    OfflineModeIsEnabled,
    OSError,
    RuntimeError,
)
"""What goes wrong on the way: the errors of the client's own HTTP library among them."""


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise what the Hub refuses as our error; `where` is the namespace."""
    try:
        yield
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        said = error.server_message or str(error).partition("\n")[0]
        msg = f"the hub answers for {where}: {said[:500]}"
        raise _KINDS.get(status, Unavailable)(msg, registry=where, status=status) from error
    except _NETWORK as error:
        msg = f"the hub of {where} cannot be reached: {str(error).partition(chr(10))[0]}"
        raise Unavailable(msg, registry=where) from error
