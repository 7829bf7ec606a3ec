"""Points at which a program writes, and a failure at each of them, injected by strace."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import strace_log
from strace_log import Call

GROUPS = {
    "fsync,fdatasync": "EIO",
    "write,pwrite64,pwritev,writev": "ENOSPC",
    "openat,open,creat": "ENOSPC",
    "rename,renameat,renameat2": "ENOSPC",
    "mkdir,mkdirat": "ENOSPC",
    "unlink,unlinkat": "EIO",
    "ftruncate": "EIO",
}
"""Calls that are counted together, and how they fail."""


SURE = frozenset({"fsync,fdatasync", "write,pwrite64,pwritev,writev", "openat,open,creat",
                  "rename,renameat,renameat2", "unlink,unlinkat"})  # fmt: skip
"""Groups that a registration surely calls."""
_RANDOM = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Point:
    """The call of a group that fails: the how-manieth, as what, and at which path when recorded."""

    group: str
    number: int
    error: str
    path: str

    @property
    def shape(self) -> str:
        """The path without what differs from run to run."""
        return _RANDOM.sub("*", self.path)

    def __str__(self) -> str:
        return f"{self.group} number {self.number} fails with {self.error} ({self.path})"


def points(log: Path, root: Path) -> list[Point]:
    """Answer every point of a recorded run at which something under `root` was about to change."""
    found = []
    counts = dict.fromkeys(GROUPS, 0)
    for call in strace_log.read(log):
        for group, error in GROUPS.items():
            if call.name in group.split(","):
                counts[group] += 1
                path = _path(call)
                if path is not None and Path(path).is_relative_to(root) and _changes(call):
                    found.append(Point(group, counts[group], error, path))
    return found


def shape(call: Call) -> str:
    """Answer the path of a call without what differs from run to run."""
    return _RANDOM.sub("*", _path(call) or "")


def _path(call: Call) -> str | None:
    if call.arguments[0].path is not None and call.name not in {"openat", "mkdirat", "unlinkat"}:
        return call.arguments[0].path
    quoted = next((arg.quoted for arg in call.arguments if arg.quoted is not None), b"")
    return quoted.decode()


def _changes(call: Call) -> bool:
    if call.name in {"openat", "open", "creat"}:
        return any("O_CREAT" in argument.plain for argument in call.arguments)
    return not call.error


def run(
    log: Path, command: Sequence[str], point: Point
) -> tuple[subprocess.CompletedProcess[str], list[Call]]:
    """Run a command in which one call fails; answer how it ended, and the call."""
    inject = f"inject={point.group}:error={point.error}:when={point.number}"
    done = strace_log.run(log, command, "-e", f"trace={point.group}", "-e", inject)
    return done, [call for call in strace_log.read(log) if call.injected]
