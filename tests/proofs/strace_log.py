"""What a program did to files, recorded by strace and read back as calls."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

CHANGING = (
    "openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,"
    "rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,"
    "fsync,fdatasync,sync_file_range,fallocate,lseek,copy_file_range,sendfile,splice"
)
_LINE = re.compile(rb"(\d+) +(\w+)\((.*)\) += (-?\d+|\?)(?:<.*?>)?(?:\(deleted\))?(?: (\w+) .*?)?"
                   rb"((?: \(INJECTED\))?)\n?", re.DOTALL)  # fmt: skip
_ATOM = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"|<((?:\\x[0-9a-f]{2})*)>|[^,"<]+|,')


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: its plain part, the bytes that it quotes, and the path behind a descriptor."""

    plain: str
    quoted: bytes | None
    path: str | None
    gone: bool

    @property
    def number(self) -> int:
        """The argument as a number."""
        return int(self.plain)


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that ended: its arguments, and its result or the name of its error."""

    thread: int
    name: str
    arguments: tuple[Argument, ...]
    result: int
    error: str
    injected: bool


def need_strace() -> str:
    """Answer where strace is; fail where CI lacks it, and skip where a person's machine does."""
    found = shutil.which("strace")
    if found is None:
        why = "strace is missing (make system installs it), so nothing can be recorded or injected"
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(why)
        pytest.skip(why)
    return found


def run(
    log: Path, command: Sequence[str], *options: str, seconds: float = 120, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command under strace, which writes `log`."""
    words = [
        need_strace(),
        "-f",
        "--seccomp-bpf",
        "-y",
        "-xx",
        "-s",
        "100000000",
        "-o",
        str(log),
        *options,
    ]
    return subprocess.run(  # the same calls in every run
        [*words, *command], capture_output=True, text=True, timeout=seconds, check=False,
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", **variables},
    )  # fmt: skip


def read(log: Path) -> Iterator[Call]:
    """Answer the calls of a log in the order in which they ended."""
    begun: dict[bytes, bytes] = {}
    with log.open("rb") as lines:
        for line in lines:
            whole = _joined(begun, line)
            if whole is None or b" resumed>" in whole:
                continue
            match = _LINE.fullmatch(whole)
            if match is not None:
                thread, name, arguments, result, error, injected = match.groups()
                value = -1 if result == b"?" else int(result)
                yield Call(int(thread), name.decode(), tuple(_arguments(arguments)), value,
                           (error or b"").decode() if value < 0 else "", bool(injected))  # fmt: skip


def _joined(begun: dict[bytes, bytes], line: bytes) -> bytes | None:
    """Put the two halves of a call together that another thread interrupted."""
    pid = line.partition(b" ")[0]
    if line.rstrip().endswith(b"<unfinished ...>"):
        begun[pid] = line.rstrip().removesuffix(b"<unfinished ...>").rstrip()
        return None
    resumed = re.fullmatch(rb"\d+ +<\.\.\. \w+ resumed>(.*)", line, re.DOTALL)
    if resumed and pid in begun:
        return begun.pop(pid) + resumed[1].removeprefix(b" ") if not (
            resumed[1].startswith(b")")) else begun.pop(pid) + resumed[1]  # fmt: skip
    return line


def _arguments(text: bytes) -> Iterator[Argument]:
    plain, quoted, path = b"", None, None
    gone = b"(deleted)"
    for match in _ATOM.finditer(text):
        if match[0] == b",":
            yield Argument(plain.replace(gone, b"").decode().strip(), quoted, path, gone in plain)
            plain, quoted, path = b"", None, None
        elif match[1] is not None:
            quoted = _bytes(match[1])
        elif match[2] is not None:
            path = os.fsdecode(_bytes(match[2]))
        else:
            plain += match[0]
    yield Argument(plain.replace(gone, b"").decode().strip(), quoted, path, gone in plain)


def _bytes(text: bytes) -> bytes:
    return bytes.fromhex(text.replace(b"\\x", b"").decode("ascii"))
