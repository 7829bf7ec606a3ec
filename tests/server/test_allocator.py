"""What the memory of pieces costs: pages that are faulted in again and again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys
from modelry.server.allocator import keep_memory

if sys.argv[1] == "keep":
    assert keep_memory()
pieces = [b"x" * (1024 * 1024 + at) for at in range(3)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for at in range(100):
    pieces[at % 3] = b"x" * (1024 * 1024 + at)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _FAULTS, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a habit of glibc")
def test_a_hundred_pieces_fault_in_no_more_pages_than_a_few_hold() -> None:
    assert faults("keep") < 10 * 256 < faults("leave")
