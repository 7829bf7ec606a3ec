"""Addresses that MLflow hands us: of a registry, and of the files of a version."""

from __future__ import annotations

import atexit
import hashlib
import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modelry import connect
from modelry.core.errors import Invalid
from modelry.core.names import DEFAULT_PROJECT, check_project, parse_ref

if TYPE_CHECKING:  # MLflow imports this whenever it is imported itself
    from modelry.core.repository import RegistryRepository

SCHEME = "modelry"
_OURS = "MODELRY_"


@dataclass(frozen=True, slots=True)
class Place:
    """A project of a registry: at `host`, else where `MODELRY_URI` says."""

    host: str
    project: str

    def open(self) -> RegistryRepository:
        """Open the registry, once in a process for the same variables; it stays open."""
        return _opened(self.host, _variables(), os.getpid())

    def files_of(self, model: str, number: int) -> str:
        """Answer the address under which MLflow finds the files of a version."""
        return f"{SCHEME}://{self.host}/{self.project}/{model}:{number}"


def _variables() -> bytes:
    """Answer what tells our variables from others; not what they say, as one is a token."""
    ours = sorted(each for each in os.environ.items() if each[0].upper().startswith(_OURS))
    return hashlib.sha256(repr(ours).encode()).digest()


@cache
def _opened(host: str, variables: bytes, process: int) -> RegistryRepository:
    """Open the registry at `host`, or the one of the settings; a forked process opens its own."""
    from modelry.remotes.client.address import Address

    del variables, process  # they tell one registry from another
    scheme = "http" if Address(f"http://{host}").loopback else "https"
    registry = connect(f"{scheme}://{host}" if host else None)
    atexit.register(registry.close)
    return registry


def place_of(uri: str) -> Place:
    """Read `modelry://project`, `modelry://host/project`, or `modelry:` for the default project.

    A host is reached by https; one that is this machine by http. Raises `Invalid`.
    """
    host, path = _parts(uri)
    if not path:
        return Place("", check_project(host or DEFAULT_PROJECT))
    return Place(host, check_project(path))


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a version: its registry, its ref, and a path within it, mostly empty."""

    place: Place
    ref: str
    path: str = ""


def files_of(uri: str) -> Files:
    """Read `modelry://[host]/project/model:3[/path]`; `@production` and every other ref works too.

    Raises `Invalid`.
    """
    host, path = _parts(uri)
    project, slash, rest = path.partition("/")
    model, _, below = rest.partition("/")
    if not slash or not model:
        msg = f"{uri!r} names no version; write modelry:///project/model:3"
        raise Invalid(msg, uri=uri)
    ref = parse_ref(f"{project}/{model}")
    return Files(Place(host, ref.project), str(ref), below)


def _parts(uri: str) -> tuple[str, str]:
    """Answer the host and the path, without the slashes around it."""
    parts = urlsplit(uri)
    if parts.scheme != SCHEME or parts.query or parts.fragment or "@" in parts.netloc:
        msg = (
            f"this is no address of a registry: write {SCHEME}://project or "
            f"{SCHEME}://host/project, and give the token by modelry login or MODELRY_TOKEN"
        )
        raise Invalid(msg, field="uri")
    return parts.netloc, parts.path.strip("/")
