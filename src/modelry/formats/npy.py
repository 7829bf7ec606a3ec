"""NumPy arrays: dtype and shape of `.npy`, and whether objects (a pickle) are inside.

The layout is that of `numpy.lib.format`, versions 1.0 to 3.0.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from modelry.core.errors import Invalid
from modelry.core.model import Findings
from modelry.formats.forward import Forward, reading
from modelry.formats.literals import Literal, literal
from modelry.formats.pickles import Scan
from modelry.formats.quoting import plain

if TYPE_CHECKING:
    from modelry.core.ports import SourceFile
    from modelry.core.strict_json import Json

MAGIC = b"\x93NUMPY"
_HEADER_MOST = 64 * 1024
_MAX_BYTES = 2**63 - 1
_KEYS = {"descr", "fortran_order", "shape"}
_DTYPE = re.compile(r"[<>|=]?(?P<kind>[a-zA-Z?])(?P<digits>\d{0,9})(?:\[[\w/]+\])?")


class Array(NamedTuple):
    """What the header of an array says; `item` is None where elements vary in size."""

    descr: str
    shape: tuple[int, ...]
    elements: int
    item: int | None
    has_objects: bool


class Npy:
    """Reads the header; the numbers are never touched."""

    name = "npy"

    def sniff(self, head: bytes, size: int) -> bool:
        """Recognise the magic number."""
        return size >= len(MAGIC) and head.startswith(MAGIC)

    def read(self, file: SourceFile) -> Findings:
        """Answer dtype and shape, and for an array of objects what its pickle would import."""
        with reading(file, "the file") as stream:
            array = array_header(stream)
            if array.has_objects:
                return _of_objects(array, Scan(stream))
            rest = _rest(array, stream)
        return Findings(
            format=self.name,
            framework="numpy",
            parameters=array.elements,
            details=_details(array),
            notes=(f"{rest:,} bytes follow the array",) if rest else (),
        )


def array_header(stream: Forward) -> Array:
    """Read the header of one array; the data begins behind it."""
    stream.skip(len(MAGIC), "the magic number")
    major, minor = stream.byte(), stream.byte()
    if major not in (1, 2, 3) or minor:
        msg = f"the array says it is .npy version {major}.{minor}; 1.0 to 3.0 are read"
        raise Invalid(msg)
    length = stream.u16("the header length") if major == 1 else stream.u32("the header length")
    data = stream.take(length, "the .npy header", _HEADER_MOST)
    text = data.decode("latin-1" if major < 3 else "utf-8", "replace")  # noqa: PLR2004
    return _described(literal(text, "the .npy header"))


def _described(header: Literal) -> Array:
    if not isinstance(header, dict) or set(header) != _KEYS:
        msg = "the .npy header must have exactly descr, fortran_order and shape"
        raise Invalid(msg)
    descr = header["descr"]
    shape = _shape(header["shape"])
    elements = 1
    for size in shape:
        elements *= size
        if elements > _MAX_BYTES:
            msg = "the .npy header has a shape whose product is beyond 63 bits"
            raise Invalid(msg)
    item, has_objects = _item(descr)
    return Array(plain(str(descr)), shape, elements, item, has_objects)


def _shape(value: Literal) -> tuple[int, ...]:
    sizes: list[int] = []
    for size in value if isinstance(value, tuple) else (None,):
        if not isinstance(size, int) or isinstance(size, bool):
            msg = "the .npy header has a shape that is not a tuple of whole numbers"
            raise Invalid(msg)
        sizes.append(size)
    return tuple(sizes)


def _item(descr: Literal) -> tuple[int | None, bool]:
    """Answer the bytes of one element, and whether it holds Python objects."""
    if isinstance(descr, str):
        return _plain_item(descr)
    if isinstance(descr, list):  # a record: its size is known, but padding makes it involved
        fields = [_item(one[1]) for one in descr if isinstance(one, tuple) and len(one) > 1]
        return None, any(has_objects for _, has_objects in fields)
    if isinstance(descr, tuple) and descr:
        return None, _item(descr[0])[1]
    msg = f"the .npy header has the dtype {plain(str(descr))!r}, which numpy does not write"
    raise Invalid(msg)


def _plain_item(descr: str) -> tuple[int | None, bool]:
    match = _DTYPE.fullmatch(descr)
    if match is None:
        msg = f"the .npy header has the dtype {plain(descr)!r}, which numpy does not write"
        raise Invalid(msg)
    size = int(match["digits"] or 0) * (4 if match["kind"] == "U" else 1)
    return (size if match["digits"] else None), match["kind"] == "O"


def _rest(array: Array, stream: Forward) -> int:
    if array.item is None:
        return 0
    size = array.elements * array.item
    if size > stream.left:
        msg = (
            f"the array has {array.elements:,} elements of {array.descr}, {size:,} bytes, but "
            f"the file has only {stream.left:,} left; it was cut short or its header lies"
        )
        raise Invalid(msg, claimed=size, left=stream.left)
    return stream.left - size


def _details(array: Array) -> dict[str, Json]:
    return {"dtype": array.descr, "shape": list(array.shape[:64])}


def _of_objects(array: Array, scan: Scan) -> Findings:
    return Findings(
        format=Npy.name,
        framework="numpy",
        details={**_details(array), **scan.details, "objects": True},
        notes=("the array holds Python objects", *scan.notes),
    )
