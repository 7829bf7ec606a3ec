"""JSON that says one thing only: reading refuses what parsers disagree on, writing is canonical.

`loads` refuses duplicate keys, NaN and infinities, integers beyond 64 bits,
lone surrogates, nesting beyond `MAX_DEPTH` and documents beyond a size, before
any of them can cost memory or mean two things. `dumps` writes sorted keys, no
white space and UTF-8, so that the same value always has the same bytes and
therefore the same hash.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeAlias

from modelry.core.errors import Invalid

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

MAX_DEPTH = 64
MAX_BYTES = 16 * 1024 * 1024
MAX_INTEGER = 2**63 - 1
_MAX_NUMBER_CHARACTERS = 400
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))


def loads(data: bytes, what: str, *, max_bytes: int = MAX_BYTES) -> Json:
    """Parse `data`, naming it `what` in a refusal.

    Raises `Invalid` for every document that two parsers could read differently.
    """
    if len(data) > max_bytes:
        msg = f"{what} has {len(data)} bytes of JSON; at most {max_bytes} are read"
        raise Invalid(msg, what=what, size=len(data))
    _refuse_depth(data, what)
    try:
        text = data.decode("utf-8")
        value: Json = _STRICT.decode(text)
    except UnicodeDecodeError as error:
        msg = f"{what} is not UTF-8 (byte {error.start}); write it as UTF-8"
        raise Invalid(msg, what=what) from error
    except (ValueError, RecursionError) as error:
        msg = f"{what} is not acceptable JSON: {error}"
        raise Invalid(msg, what=what) from error
    return check(value, what) if b"\\u" in data else value  # an escape may hide a surrogate


def load_object(data: bytes, what: str, *, max_bytes: int = MAX_BYTES) -> dict[str, Json]:
    """Parse `data` and require an object at the top."""
    value = loads(data, what, max_bytes=max_bytes)
    if not isinstance(value, dict):
        msg = f"{what} must be a JSON object, not {type(value).__name__}"
        raise Invalid(msg, what=what)
    return value


def dumps(value: Json) -> str:
    """Write `value` in its one canonical form: sorted keys, no spaces, no NaN."""
    return _CANONICAL.encode(value)


def check(value: object, what: str, depth: int = 0) -> Json:  # noqa: PLR0911 - one for each kind of value
    """Answer `value` as JSON, or refuse what JSON cannot hold, naming where it lies."""
    if depth > MAX_DEPTH:
        msg = f"{what} is nested deeper than {MAX_DEPTH} levels; flatten it"
        raise Invalid(msg, what=what)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, what)
    if isinstance(value, int):
        return _whole(value, what)
    if isinstance(value, float):
        return _finite(value, what)
    if isinstance(value, Mapping):
        return _mapping(value, what, depth)
    if isinstance(value, list | tuple):
        return [check(item, f"{what}[{at}]", depth + 1) for at, item in enumerate(value)]
    if hasattr(value, "tolist"):  # a numpy scalar or array, without importing numpy
        return check(value.tolist(), what, depth)
    msg = f"{what} is a {type(value).__name__}, which JSON cannot hold; convert it first"
    raise Invalid(msg, what=what)


def _mapping(value: Mapping[object, object], what: str, depth: int) -> Json:
    answer: dict[str, Json] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            msg = f"{what} has the key {key!r}; keys must be text"
            raise Invalid(msg, what=what)
        _text(key, f"a key of {what}")
        answer[key] = check(item, f"{what}.{key}", depth + 1)
    return answer


def _text(value: str, what: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        msg = f"{what} holds a lone surrogate at character {error.start}; it is not valid text"
        raise Invalid(msg, what=what) from error
    if "\0" in value:
        msg = f"{what} holds a NUL character; remove it"
        raise Invalid(msg, what=what)
    return value


def _whole(value: int, what: str) -> int:
    if abs(value) > MAX_INTEGER:
        msg = f"{what} is a whole number beyond 64 bits; write it as text or as a float"
        raise Invalid(msg, what=what)
    return value


def _finite(value: float, what: str) -> float:
    if not math.isfinite(value):
        msg = f"{what} is {value}; only finite numbers can be stored"
        raise Invalid(msg, what=what)
    return value


def _refuse_depth(data: bytes, what: str) -> None:
    """Count brackets outside strings before the parser recurses into them."""
    depth = 0
    for mark in _STRING.sub(b"", data).translate(None, _NO_BRACKET):
        depth += 1 if mark in b"[{" else -1
        if depth > MAX_DEPTH:
            msg = f"{what} is nested deeper than {MAX_DEPTH} levels"
            raise Invalid(msg, what=what)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    answer: dict[str, Json] = {}
    for key, value in pairs:
        if key in answer:
            msg = f"the key {key!r} stands in it twice"
            raise ValueError(msg)
        answer[key] = value
    return answer


def _constant(name: str) -> NoReturn:
    msg = f"{name} is not a JSON number"
    raise ValueError(msg)


def _integer(digits: str) -> int:
    if len(digits) > _MAX_NUMBER_CHARACTERS or abs(int(digits)) > MAX_INTEGER:
        msg = f"the number {digits[:24]}... is beyond 64 bits"
        raise ValueError(msg)
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits) if len(digits) <= _MAX_NUMBER_CHARACTERS else math.inf
    if not math.isfinite(value):
        msg = f"the number {digits[:24]} is too large"
        raise ValueError(msg)
    return value


_STRICT = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_constant=_constant,
    parse_int=_integer,
    parse_float=_float,
)
