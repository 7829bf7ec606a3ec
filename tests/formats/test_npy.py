"""NumPy arrays and archives of them."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from format_files import found, inspect

from modelry.core.errors import Invalid


def _saved(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _header(text: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    head = text.encode()
    length = struct.pack("<H" if version[0] == 1 else "<I", len(head))
    return b"\x93NUMPY" + version + length + head + data


@pytest.mark.parametrize(
    ("array", "dtype", "parameters"),
    [
        (np.zeros((2, 3), np.float32), "<f4", 6),
        (np.array(1.0), "<f8", 1),
        (np.array(["ab", "c"]), "<U2", 2),
        (np.array(["2020-01-01"], "datetime64[ns]"), "<M8[ns]", 1),
        (np.zeros(3, [("a", "f4"), ("b", "i8", (2,))]), "[('a', '<f4'), ('b', '<i8', (2,))]", 3),
    ],
)
def test_an_array_by_the_real_writer_tells_dtype_and_shape(
    array: np.ndarray,
    dtype: str,
    parameters: int,
) -> None:
    findings = found(_saved(array))
    assert findings.format == "npy"
    assert findings.parameters == parameters
    assert findings.details == {"dtype": dtype, "shape": list(array.shape)}


def test_row_27_an_array_of_objects_is_a_pickle_and_says_so() -> None:
    findings = found(_saved(np.array([LookupError, 1], dtype=object)))
    assert "the array holds Python objects" in findings.notes
    assert "builtins.LookupError" in str(findings.details["globals"])


def test_row_27_records_with_objects_count_as_objects() -> None:
    data = _saved(np.zeros(2, [("a", "f4"), ("o", "O")]))
    assert "the array holds Python objects" in found(data).notes
    nested = "{'descr': [('a', ('|O', (2,)))], 'fortran_order': False, 'shape': (1,), }"
    assert "the array holds Python objects" in found(_header(nested, b"N.")).notes


def test_an_archive_of_arrays_counts_them_and_flags_objects() -> None:
    buffer = io.BytesIO()
    np.savez(buffer, w=np.zeros((3, 4)), o=np.array([{}], dtype=object))
    findings = found(buffer.getvalue())
    assert (findings.format, findings.framework, findings.parameters) == ("npz", "numpy", 12)
    assert findings.details["arrays"] == {"w": "<f8 [3, 4]", "o": "|O [1]"}
    assert findings.notes == (
        "arrays of Python objects are pickles, which run code when loaded: o",
    )


def test_compressed_archives_are_read_and_plain_ones_need_no_note() -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, w=np.zeros(5))
    findings = found(buffer.getvalue())
    assert (findings.parameters, findings.notes) == (5, ())


def test_bytes_behind_an_array_are_noted() -> None:
    assert found(_saved(np.zeros(2)) + b"xyz").notes == ("3 bytes follow the array",)


SHAPE = "{'descr': '<f8', 'fortran_order': False, 'shape': %s, }"
LIES = {
    "has only 0 left": _header(SHAPE % "(10,)"),
    "beyond 63 bits": _header(SHAPE % "(9000000000000000000, 9000000000000000000)"),
    "tuple of whole numbers": _header(SHAPE % "('a',)"),
    "a shape that is not": _header(SHAPE % "5"),
    "exactly descr": _header("{'descr': '<f8'}"),
    "dtype 'os.system'": _header("{'descr': 'os.system', 'fortran_order': False, 'shape': ()}"),
    "dtype '5'": _header("{'descr': 5, 'fortran_order': False, 'shape': ()}"),
    "version 9.0": _header("{}", version=b"\x09\x00"),
    "not a literal": _header("__import__('os')"),
    "numpy writes": _header("(" * 50),
    "is not a": _header("{'a': 1} {"),
    "a literal": _header("{1: 2}"),
    "the .npy header at": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b"{}",
    "literal that": _header("[1 2]"),
}


@pytest.mark.parametrize("reason", LIES)
def test_row_33_a_lying_header_is_refused_with_the_reason(reason: str) -> None:
    with pytest.raises(Invalid) as refusal:
        inspect(LIES[reason])
    assert reason in refusal.value.message


def test_headers_of_later_versions_and_of_python_2_are_read() -> None:
    text = "{'descr': '<f8', 'fortran_order': True, 'shape': (2L, (1)), }"
    for version in (b"\x02\x00", b"\x03\x00"):
        assert found(_header(text, bytes(16), version)).parameters == 2
    assert found(_header("{'descr': '<f8', 'fortran_order': None, 'shape': ()}", bytes(8)))
