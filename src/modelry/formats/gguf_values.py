"""The key-value part of GGUF: typed values, of which only short ones are kept.

Types are those of the published description (https://github.com/ggml-org/ggml,
docs/gguf.md). Vocabularies are arrays of hundreds of thousands of strings; they
are passed over and only counted.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeAlias

from modelry.core.errors import Invalid
from modelry.formats.quoting import decoded

if TYPE_CHECKING:
    from modelry.formats.forward import Forward

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 10: "Q", 11: "q", 12: "d"}
_BOOL, _STRING, _ARRAY = 7, 8, 9
_LEAST = {_STRING: 8, _ARRAY: 12, _BOOL: 1}
_MAX_DEPTH = 4
_MAX_KEY = 4096
_KEPT = 4096

Value: TypeAlias = "bool | int | float | str | Items"


class Items(int):
    """An array, of which only the number of items is known."""

    __slots__ = ()


def key(stream: Forward) -> str:
    """Read the name of a key or tensor, of which none in use comes near 4,096 bytes."""
    return stream.take(stream.u64("a key's length"), "a key", _MAX_KEY).decode("utf-8", "replace")


def value(stream: Forward) -> Value:
    """Read a typed value, passing over whatever is long."""
    return _value(stream, stream.u32("a value's type"), 0)


def _value(stream: Forward, kind: int, depth: int) -> Value:
    if kind in _SCALARS:
        code = _SCALARS[kind]
        number: int | float = struct.unpack(f"<{code}", stream.take(struct.calcsize(code), "a"))[0]
        return number
    if kind == _BOOL:
        return _bool(stream)
    if kind == _STRING:
        return _string(stream)
    if kind == _ARRAY:
        return _array(stream, depth)
    msg = f"byte {stream.at:,} names the value type {kind}, which GGUF does not know"
    raise Invalid(msg, at=stream.at)


def _bool(stream: Forward) -> bool:
    byte = stream.byte()
    if byte > 1:
        msg = f"byte {stream.at - 1:,} should be a truth value, 0 or 1, and is {byte}"
        raise Invalid(msg, at=stream.at)
    return byte == 1


def _string(stream: Forward) -> str:
    length = stream.u64("a string's length")
    kept = min(length, _KEPT)
    if length > stream.left:
        kept = 0
    text = decoded(stream.take(kept, "a string"))
    stream.skip(length - kept, "a string")
    return text


def _array(stream: Forward, depth: int) -> Items:
    if depth >= _MAX_DEPTH:
        msg = f"arrays are nested deeper than {_MAX_DEPTH} levels at byte {stream.at:,}"
        raise Invalid(msg, at=stream.at)
    kind = stream.u32("an array's type")
    count = stream.u64("an array's length")
    least = struct.calcsize(_SCALARS[kind]) if kind in _SCALARS else _LEAST.get(kind, 1)
    if count * least > stream.left:
        msg = (
            f"an array at byte {stream.at:,} claims {count:,} items, but the file has only "
            f"{stream.left:,} bytes left; it was cut short or its header lies"
        )
        raise Invalid(msg, at=stream.at, claimed=count)
    if kind in _SCALARS or kind == _BOOL:
        stream.skip(count * least, "an array")
    elif kind == _STRING:
        stream.skip_strings(count, "a string")
    else:
        for _ in range(count):
            _value(stream, kind, depth + 1)
    return Items(count)
