"""The datatypes of the protocol, and those of numpy and of signatures that they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from modelry.core.errors import Invalid, Unsupported

Array = npt.NDArray[Any]

BYTES = "BYTES"
NUMPY: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    BYTES: np.dtype(np.object_),
}
_OF_NUMPY = {(dtype.kind, dtype.itemsize): name for name, dtype in NUMPY.items() if name != BYTES}
_TEXT = frozenset({"string", "str", "object", "bytes"})


def datatype_of(dtype: np.dtype[Any]) -> str:
    """Name the datatype of an array. Raises `Unsupported` for one that the protocol lacks."""
    if dtype.kind in "OSU":
        return BYTES
    found = _OF_NUMPY.get((dtype.kind, dtype.itemsize))
    if found is None:
        msg = f"the protocol has no datatype for arrays of {dtype}"
        raise Unsupported(msg, dtype=str(dtype))
    return found


def datatype_named(name: str) -> str:
    """Name the datatype of a signature's dtype (`float32`, `string`). Raises `Unsupported`."""
    if name in _TEXT:
        return BYTES
    try:
        return datatype_of(np.dtype(name))
    except TypeError as error:
        msg = f"the protocol has no datatype for {name!r}"
        raise Unsupported(msg, dtype=name) from error


def numpy_of(datatype: str) -> np.dtype[Any]:
    """Answer numpy's dtype for a datatype of the protocol. Raises `Invalid`."""
    found = NUMPY.get(datatype)
    if found is None:
        msg = f"there is no datatype {datatype[:40]!r}; there are: {', '.join(NUMPY)}"
        raise Invalid(msg)
    return found
