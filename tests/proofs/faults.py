"""Points at which a program writes, and a failure at each of them, injected by strace."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import strace_log
from strace_log import Call

CALLS = {
    "fsync": "EIO",
    "fdatasync": "EIO",
    "write": "ENOSPC",
    "pwrite64": "ENOSPC",
    "openat": "ENOSPC",
    "open": "ENOSPC",
    "rename": "ENOSPC",
    "mkdir": "ENOSPC",
    "unlink": "EIO",
    "ftruncate": "EIO",
}
"""Calls that change a disk, and how they fail."""
SURE = frozenset({"fsync", "fdatasync", "write", "pwrite64", "openat", "rename", "unlink"})
"""What a registration and a promotion surely call."""
_RANDOM = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Point:
    """The call that fails: its name, the how-manieth, as what, and at which path when recorded."""

    call: str
    number: int
    error: str
    path: str

    @property
    def shape(self) -> str:
        """The path without what differs from run to run."""
        return _RANDOM.sub("*", self.path)

    def __str__(self) -> str:
        return f"{self.call} number {self.number} fails with {self.error} ({self.path})"


def points(log: Path, root: Path) -> list[Point]:
    """Answer every point of a recorded run at which something under `root` was about to change.

    Calls are counted in the first thread, as strace counts them: each thread by itself.
    """
    found: list[Point] = []
    counts = dict.fromkeys(CALLS, 0)
    first: int | None = None
    for call in strace_log.read(log):
        first = call.thread if first is None else first
        if call.name in CALLS and call.thread == first:
            counts[call.name] += 1
            path = _path(call)
            if path is not None and Path(path).is_relative_to(root) and _changes(call):
                found.append(Point(call.name, counts[call.name], CALLS[call.name], path))
    return found


def shape(call: Call) -> str:
    """Answer the path of a call without what differs from run to run."""
    return _RANDOM.sub("*", _path(call) or "")


def _path(call: Call) -> str | None:
    if call.arguments[0].path is not None and call.name != "openat":
        return call.arguments[0].path
    quoted = next((arg.quoted for arg in call.arguments if arg.quoted is not None), b"")
    return quoted.decode()


def _changes(call: Call) -> bool:
    if call.name in {"openat", "open"}:
        return any("O_CREAT" in argument.plain for argument in call.arguments)
    return not call.error


def run(
    log: Path, command: Sequence[str], point: Point
) -> tuple[subprocess.CompletedProcess[str], list[Call]]:
    """Run a command in which one call fails; answer how it ended, and the call."""
    inject = f"inject={point.call}:error={point.error}:when={point.number}"
    done = strace_log.run(log, command, "-e", f"trace={point.call}", "-e", inject)
    return done, [call for call in strace_log.read(log) if call.injected]
