"""HDF5, as Keras 2 wrote it: the superblock is checked, the rest is not read.

The superblock is that of the HDF5 File Format Specification, III.A; versions 0
to 3 name the end of the file, which shows a file that was cut short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelry.core.errors import Invalid
from modelry.core.model import Findings
from modelry.formats.forward import Forward, reading

if TYPE_CHECKING:
    from modelry.core.ports import SourceFile

_MAGIC = b"\x89HDF\r\n\x1a\n"
_SEARCHED = 1024 * 1024
_OFFSET_SIZES = (2, 4, 8)


class Hdf5:
    """Recognises the container, and Keras by the attributes that it leaves near the start."""

    name = "hdf5"

    def sniff(self, head: bytes, size: int) -> bool:
        """Recognise the signature."""
        return size >= len(_MAGIC) and head.startswith(_MAGIC)

    def read(self, file: SourceFile) -> Findings:
        """Answer that it is HDF5, of Keras where it says so."""
        with reading(file, "the file") as stream:
            stream.skip(len(_MAGIC), "the signature")
            end = _end_of_file(stream)
            if end > file.size:
                msg = f"the HDF5 file says it has {end:,} bytes and has {file.size:,}; cut short?"
                raise Invalid(msg, claimed=end)
            start = stream.take(min(stream.left, _SEARCHED), "the start", _SEARCHED)
        is_keras = b"keras_version" in start or b"layer_names" in start
        return Findings(
            format=self.name,
            framework="keras" if is_keras else None,
            notes=_notes(start),
        )


def _end_of_file(stream: Forward) -> int:
    version = stream.byte()
    if version > 3:  # noqa: PLR2004
        msg = f"the HDF5 superblock has version {version}; 0 to 3 are known"
        raise Invalid(msg)
    if version < 2:  # noqa: PLR2004
        stream.skip(4, "the superblock")
    size = stream.byte()
    if size not in _OFFSET_SIZES:
        msg = f"the HDF5 superblock has offsets of {size} bytes; 2, 4 or 8 are possible"
        raise Invalid(msg)
    stream.skip({0: 10, 1: 14}.get(version, 2), "the superblock")
    stream.skip(2 * size, "two addresses")
    return int.from_bytes(stream.take(size, "the end of the file"), "little")


def _notes(start: bytes) -> tuple[str, ...]:
    if b'"class_name": "Lambda"' in start:
        return ("it has a Lambda layer, which carries Python code that loading would run",)
    return ()
