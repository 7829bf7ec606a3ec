"""Tensors in binary: little-endian, row-major, no padding; texts behind their lengths."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import numpy as np

from modelry.core.errors import Invalid
from modelry.serving.datatypes import BYTES, Array, numpy_of

_LENGTH = struct.Struct("<I")


def from_binary(data: bytes, size: int, datatype: str, shape: Sequence[int], name: str) -> Array:
    """Read a tensor of `size` bytes. Raises `Invalid` where its shape holds more or fewer."""
    if len(data) != size:
        msg = f"{name!r} should have {size} bytes; only {len(data)} came"
        raise Invalid(msg)
    count = math.prod(shape)
    if datatype == BYTES:
        return _texts(data, count, name).reshape(shape)
    dtype = numpy_of(datatype).newbyteorder("<")
    if size != count * dtype.itemsize:
        msg = f"{name!r} has {size} bytes; {datatype} {list(shape)} takes {count * dtype.itemsize}"
        raise Invalid(msg)
    array: Array = np.frombuffer(data, dtype=dtype)
    if datatype == "BOOL" and data.strip(b"\x00\x01"):
        msg = f"{name!r} holds bytes that are neither 0 nor 1"
        raise Invalid(msg)
    return array.reshape(shape).astype(numpy_of(datatype), copy=False)


def to_binary(array: Array, datatype: str) -> bytes:
    """Write a tensor."""
    if datatype == BYTES:
        texts = [each if isinstance(each, bytes) else str(each).encode() for each in array.ravel()]
        return b"".join(_LENGTH.pack(len(text)) + text for text in texts)
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()


def _texts(data: bytes, count: int, name: str) -> Array:
    texts: list[bytes] = []
    at = 0
    while at < len(data) and len(texts) < count:
        if at + _LENGTH.size > len(data):
            break
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        texts.append(data[at : at + length])
        at += length
    if at != len(data) or len(texts) != count:
        msg = f"{name!r} does not hold {count} texts, each behind its length in 4 bytes"
        raise Invalid(msg)
    array = np.empty(count, dtype=np.object_)
    array[:] = texts
    return array
