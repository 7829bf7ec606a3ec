"""Compressed joblib: recognised by the pickle that the first bytes unpack to.

`joblib.dump(..., compress=...)` wraps the whole stream in zlib, gzip, bz2 or
lzma. Only the first bytes are unpacked; what is inside is for a scanner.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import TYPE_CHECKING

from modelry.core.model import Findings
from modelry.formats.pickle_acts import opens_pickle

if TYPE_CHECKING:
    from modelry.core.ports import SourceFile

_MAGICS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x5d\x00\x00": "lzma",
}
_ZLIB = 0x78
_UNREAD = "loading it runs code; what it would import was not read"
_INPUT = 1024 * 1024
_OUTPUT = 64
_LZMA_MEMORY = 64 * 1024 * 1024
_GZIP_BITS = 31


class CompressedJoblib:
    """Looks at what a compressed file begins with."""

    name = "joblib"

    def sniff(self, head: bytes, size: int) -> bool:
        """Recognise the magic numbers of the compressions that joblib uses."""
        return size > 2 and _compression(head) is not None  # noqa: PLR2004

    def read(self, file: SourceFile) -> Findings | None:
        """Answer that it is a pickle inside, None where it is anything else."""
        with file.open() as source:
            data = source.read(_INPUT)
        compression = _compression(data)
        if compression is None or not opens_pickle(_unpacked(data, compression)):
            return None
        return Findings(
            format=self.name,
            details={"compression": compression},
            notes=(f"it is a pickle compressed with {compression}: {_UNREAD}",),
        )


def _compression(head: bytes) -> str | None:
    if len(head) > 1 and head[0] == _ZLIB and (head[0] << 8 | head[1]) % 31 == 0:
        return "zlib"
    return next((name for magic, name in _MAGICS.items() if head.startswith(magic)), None)


def _unpacked(data: bytes, compression: str) -> bytes:
    """Answer the first bytes inside, none where the compression is broken."""
    try:
        if compression == "bz2":
            return bz2.BZ2Decompressor().decompress(data, _OUTPUT)
        if compression in ("xz", "lzma"):
            unpacker = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
            return unpacker.decompress(data, _OUTPUT)
        bits = _GZIP_BITS if compression == "gzip" else zlib.MAX_WBITS
        return zlib.decompressobj(bits).decompress(data, _OUTPUT)
    except (OSError, ValueError, EOFError, MemoryError, lzma.LZMAError, zlib.error):
        return b""
