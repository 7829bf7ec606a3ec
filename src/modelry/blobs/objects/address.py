"""Where an object store is, and how patient to be with it: what its URI says."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from modelry.core.errors import Invalid

SCHEMES: Final = ("s3", "gs", "az")
"""The object stores that are spoken to."""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}", re.ASCII)
_ENDPOINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}


@dataclass(frozen=True, slots=True)
class Address:
    """A place in an object store. It holds no secret, so it may be printed.

    `connect_timeout` and `timeout` are the seconds that one request may take,
    `retries` and `retry_timeout` bound how often and until when it is begun
    again, `lease` is how long a lease counts that nobody renews. `part` is the
    size in bytes from which on a blob travels in parts.
    """

    scheme: str
    bucket: str
    prefix: str
    endpoint: str | None = None
    region: str | None = None
    connect_timeout: float = 5.0
    timeout: float = 30.0
    retries: int = 8
    retry_timeout: float = 20.0
    lease: float = 120.0
    part: int = 8 * 1024 * 1024

    def __str__(self) -> str:
        """Name the place without its options."""
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


_OPTIONS: Final = (
    "endpoint", "region", "connect_timeout", "timeout", "retries", "retry_timeout", "lease", "part",
)  # fmt: skip


def read_address(uri: str) -> Address:
    """Read `scheme://bucket/prefix?option=value`. Raises `Invalid`, never repeating a password."""
    parts = urlsplit(uri)
    if "@" in parts.netloc or ":" in parts.netloc:
        msg = "an address of an object store holds no user and no password; set them in the "
        raise Invalid(msg + "environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY ...)")
    place = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if parts.scheme not in SCHEMES or not _BUCKET.fullmatch(parts.netloc) or parts.fragment:
        msg = f"{place!r} is not a place in an object store; write s3://bucket/prefix"
        raise Invalid(msg, uri=place)
    prefix = unquote(parts.path).strip("/")
    if any(part in ("", ".", "..") for part in prefix.split("/")) and prefix:
        msg = f"{place!r} has an empty part or dots between slashes; name a plain prefix"
        raise Invalid(msg, uri=place)
    address = Address(parts.scheme, parts.netloc, prefix, endpoint=_environment(parts.scheme))
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        address = _with_option(address, name, value)
    return address


def _environment(scheme: str) -> str | None:
    return next((os.environ[name] for name in _ENDPOINTS[scheme] if os.environ.get(name)), None)


def _with_option(address: Address, name: str, value: str) -> Address:
    """Set one option. The value of an unknown one is not repeated: it may be a secret."""
    if name not in _OPTIONS:
        known = ", ".join(_OPTIONS)
        msg = f"an object store has no option {name!r}; there are: {known}. "
        raise Invalid(msg + "Credentials are set in the environment", option=name)
    if name in ("endpoint", "region"):
        return _with_text(address, name, value)
    try:
        number = int(value) if name in ("retries", "part") else float(value)
    except ValueError:
        number = -1
    least = {"retries": 0, "part": 5 * 1024 * 1024}.get(name, 0.05)
    if not least <= number <= 2**31:
        msg = f"the option {name!r} is a number from {least:g} on, not {value!r}"
        raise Invalid(msg, option=name)
    return replace(address, **{name: number})  # type: ignore[arg-type] # the two kinds of number


def _with_text(address: Address, name: str, value: str) -> Address:
    if name == "region":
        return replace(address, region=value)
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        msg = "the endpoint of an object store is http://host:port or https://host, and no more"
        raise Invalid(msg, option=name)
    return replace(address, endpoint=value)
