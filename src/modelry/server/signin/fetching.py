"""Documents of identity providers, fetched without being led anywhere else.

A host is resolved once, every address of it is judged, and the connection goes
to one of those very addresses; the certificate must still be that of the host.
Redirects, proxies of the environment and compressed answers are not followed.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

import certifi
import httpx

from modelry.core.errors import Invalid, Unavailable

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_PORTS = {"https": 443, "http": 80}
_URL = re.compile(r"https?://[!-~]{1,1000}", re.ASCII)
_SECONDS = 5.0
_IN_ALL = 15.0
_ADDRESSES = 3
_OK = 200
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads, taken apart once."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The host as a `Host` header names it."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == _PORTS[self.scheme] else f"{name}:{self.port}"


def check_url(url: str, what: str, *, insecure_loopback: bool = False) -> Place:
    """Answer where `url` leads. Raises `Invalid`, naming it `what`, for all but plain https.

    With `insecure_loopback`, `http` to this very machine is taken too.
    """
    try:
        parts = urlsplit(url) if _URL.fullmatch(url) else None
        host = (parts.hostname or "") if parts else ""
        port = (parts.port or _PORTS[parts.scheme]) if parts else 0
    except ValueError:
        parts, host, port = None, "", 0
    secure = parts is not None and parts.scheme == "https"
    near = insecure_loopback and host in LOOPBACK
    if parts is None or not host or not (secure or near) or "@" in parts.netloc or "#" in url:
        msg = f"{what} is an address like https://login.example.com, not {url[:200]!r}"
        raise Invalid(msg, url=url[:200])
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, host, port, target)


class Fetcher:
    """Gets and posts small documents. Raises `Unavailable` for whatever goes wrong."""

    def __init__(self, *, insecure_loopback: bool = False) -> None:
        self._insecure_loopback = insecure_loopback

    def get(self, url: str, most: int, *, vouched: bool) -> bytes:
        """Answer a document of `most` bytes at most.

        `vouched` says that the operator named this host, which may then have a
        private address; every other host must have a public one.
        """
        return self._fetch(httpx.Request("GET", url), url, most, vouched=vouched)

    def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str], *, vouched: bool
    ) -> bytes:
        """Send a form and answer what comes back."""
        request = httpx.Request("POST", url, data=dict(form), headers=dict(headers))
        return self._fetch(request, url, 256 * 1024, vouched=vouched)

    def _fetch(self, request: httpx.Request, url: str, most: int, *, vouched: bool) -> bytes:
        what = "an address of an identity provider"
        try:
            place = check_url(url, what, insecure_loopback=self._insecure_loopback)
        except Invalid as error:
            raise Unavailable(error.message) from error
        addresses = _addresses(place, vouched=vouched)
        request.read()
        failure = _away(place.host, "it has no address")
        for address in addresses:
            try:
                return _exchange(place, address, request, most)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = _away(place.host, "it does not answer")
                failure.__cause__ = error
            except httpx.HTTPError as error:
                raise _away(place.host, type(error).__name__) from error
        raise failure


def _away(host: str, why: str) -> Unavailable:
    msg = f"the identity provider {host} cannot be asked now ({why}); try again soon"
    return Unavailable(msg, host=host)


def _addresses(place: Place, *, vouched: bool) -> list[str]:
    """Resolve a host once; refuse it where any of its addresses is not to be contacted."""
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _away(place.host, "its name is not known") from error
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))[:_ADDRESSES]
    plain = place.scheme == "http"
    for address in addresses:
        if not may_contact(address, vouched=vouched, loopback_only=plain):
            msg = f"{place.host} has the address {address}, which this server does not contact"
            raise Unavailable(msg, host=place.host)
    return addresses


def may_contact(address: str, *, vouched: bool, loopback_only: bool = False) -> bool:
    """Say whether an address may be contacted: public ones, and private ones of a vouched host.

    Never link-local ones, where clouds keep their metadata, nor IPv6 addresses
    that hide an IPv4 address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        elif _hides_ipv4(ip):
            return False
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return False
    if isinstance(ip, ipaddress.IPv4Address) and ip.is_reserved:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and not (vouched or ip in _GIVEN_OUT):
        return False
    if loopback_only:
        return ip.is_loopback and vouched
    return vouched or ip.is_global


def _hides_ipv4(ip: ipaddress.IPv6Address) -> bool:
    compatible = ip in _COMPATIBLE and not ip.is_loopback
    return bool(compatible or ip.ipv4_mapped or ip.sixtofour or ip.teredo)


def _exchange(place: Place, address: str, request: httpx.Request, most: int) -> bytes:
    """Send `request` to one address, and answer the body of a plain 200."""
    literal = f"[{address}]" if ":" in address else address
    headers = httpx.Headers(request.headers)
    headers.update({"Host": place.authority, "Accept": "application/json",
                    "Accept-Encoding": "identity", "User-Agent": "modelry"})  # fmt: skip
    deadline = time.monotonic() + _IN_ALL
    with (
        httpx.Client(verify=_trust(), trust_env=False, timeout=_SECONDS) as client,
        client.stream(
            request.method,
            f"{place.scheme}://{literal}:{place.port}{place.target}",
            content=request.content,
            headers=headers,
            extensions={"sni_hostname": place.host},
            follow_redirects=False,
        ) as response,
    ):
        if response.status_code != _OK or "content-encoding" in response.headers:
            raise _away(place.host, f"it answers {response.status_code}")
        body = bytearray()
        for piece in response.iter_raw():
            body += piece
            if len(body) > most or time.monotonic() > deadline:
                raise _away(place.host, "it sends too much, or too slowly")
    return bytes(body)


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """Trust the authorities of this machine (SSL_CERT_FILE too) and those of Mozilla's list."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
