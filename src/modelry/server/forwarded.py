"""Who sent a request that came through a proxy, asked of those alone that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

if TYPE_CHECKING:
    from modelry.server.direct import Direct

_SAYING = frozenset({b"x-forwarded-for", b"x-forwarded-proto"})


class Forwarded:
    """Believes what trusted proxies forward; to be around everything else.

    uvicorn does the believing. It looks at the address of every peer first,
    which costs more than it takes to see that nothing was forwarded. `direct`
    answers some of what was not, before it comes here.
    """

    def __init__(self, app: ASGIApp, trusted: str, direct: Direct | None = None) -> None:
        self._app = app
        self.direct = direct
        self._believing = cast("ASGIApp", ProxyHeadersMiddleware(app, trusted))  # type: ignore[arg-type]  # the same, in uvicorn's words

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, as one that came from where a proxy says."""
        app = self._app
        if scope["type"] == "http" and any(name in _SAYING for name, _ in scope["headers"]):
            app = self._believing
        await app(scope, receive, send)
