"""The address of a PostgreSQL database: what libpq understands, and `pool_size`.

What goes wrong is told with the host and the name of the database. The
address itself is never in a message, since it may hold a password.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from modelry.core.errors import Invalid

POOL_SIZE = 10
MAX_POOL_SIZE = 1000
SECONDS_TO_CONNECT = 10

_FORM = "postgresql://user:password@host:5432/database?pool_size=10"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is: `where` for people, `conninfo` for libpq, with the password."""

    where: str
    pool_size: int
    conninfo: str = field(repr=False)


_VANISHED = {
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""How soon a machine that went away without a word is noticed: within half a minute."""


def address_of(uri: str) -> Address:
    """Read `postgresql://...` or `postgres://...`. Raises `Invalid` without repeating it."""
    try:
        plain, sizes = _without_pool_size(uri)
        known = conninfo_to_dict(plain, application_name="modelry", client_encoding="utf8")
        known.setdefault("connect_timeout", SECONDS_TO_CONNECT)
        for name, value in _VANISHED.items():
            known.setdefault(name, value)
        conninfo = make_conninfo(**{key: str(value) for key, value in known.items()})
    except (psycopg.Error, ValueError):
        msg = f"the address of the PostgreSQL database cannot be read; write {_FORM}"
        raise Invalid(msg) from None  # the cause repeats the address
    return Address(_where(known), _pool_size(sizes), conninfo)


def _without_pool_size(uri: str) -> tuple[str, list[str]]:
    """Answer what libpq understands, and what `pool_size` says."""
    parts = urlsplit(uri)
    asked = parse_qsl(parts.query, keep_blank_values=True)
    rest = urlencode([each for each in asked if each[0] != "pool_size"], quote_via=quote)
    plain = f"postgresql://{parts.netloc}{parts.path}?{rest}"
    return plain, [value for key, value in asked if key == "pool_size"]


def _where(known: Mapping[str, object]) -> str:
    host = known.get("host") or known.get("hostaddr") or "this machine"
    port = f":{known['port']}" if known.get("port") else ""
    name = known.get("dbname") or known.get("user") or "the default database"
    return f"PostgreSQL at {host}{port}, database {name}"


def _pool_size(given: list[str]) -> int:
    if not given:
        return POOL_SIZE
    text = given[-1]
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_POOL_SIZE):
        msg = f"pool_size is a number of connections from 1 to {MAX_POOL_SIZE}, not {text!r}"
        raise Invalid(msg, pool_size=text)
    return int(text)
