"""Where a server is: its address without a secret in it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from modelry.core.errors import Invalid

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """A server: where it is (`origin`), and the path that its routes begin with, mostly empty."""

    origin: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.origin}{self.prefix}"

    @property
    def loopback(self) -> bool:
        """Whether it is this machine, so that nobody can listen on the way."""
        host = urlsplit(self.origin).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")

    @property
    def plain(self) -> bool:
        """Whether what is sent there is not encrypted."""
        return self.origin.startswith("http:")


def address_of(uri: str) -> Address:
    """Read `http://host:port/path`. Raises `Invalid` where it carries a secret, or is no address.

    Addresses end up in logs and in the history of a shell, so none may hold a
    password or a token; nothing of what is refused is repeated.
    """
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        msg = "this is not the address of a server; write https://host or https://host:port"
        raise Invalid(msg, field="uri") from error
    if parts.scheme.lower() not in _PORTS or not parts.hostname:
        msg = "the address of a server begins with https:// or http:// and names a host"
        raise Invalid(msg, field="uri")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        msg = (
            "the address of a server holds no user, password, token or query: write "
            f"{_origin(parts, port)}, and give the token by modelry login or MODELRY_TOKEN"
        )
        raise Invalid(msg, field="uri")
    return Address(_origin(parts, port), parts.path.rstrip("/"))


def _origin(parts: SplitResult, port: int | None) -> str:
    """Answer the origin in its one spelling: lower case, without the scheme's own port."""
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" if port in (None, _PORTS[scheme]) else f"{scheme}://{shown}:{port}"
