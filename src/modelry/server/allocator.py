"""Keeps the memory of pieces for the next pieces, where the C library would give it back."""

from __future__ import annotations

import ctypes
import sys

MIB = 1024 * 1024
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""

LARGEST = 4 * MIB
"""Bytes of the largest block that is kept; larger ones are the system's again at once."""

KEPT = 32 * MIB
"""Bytes that may lie free at the end of a heap before they are given back."""


def keep_memory() -> bool:
    """Let glibc keep what is freed up to `KEPT`; say whether it does.

    By default a block from 128 KiB on is mapped anew and faulted in page by
    page each time, and bodies come and go in such blocks, three for each piece.
    Receiving a gibibyte cost three to four times the CPU for it. Another C
    library has other habits, and is left alone.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl
        return False
    return bool(mallopt(_MMAP_THRESHOLD, LARGEST) and mallopt(_TRIM_THRESHOLD, KEPT))
