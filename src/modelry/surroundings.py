"""What the registry records by itself: who, from which commit, with which packages."""

from __future__ import annotations

import getpass
import os
import platform
import re
import subprocess
import sys
import time
import warnings
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from modelry.core.model import Commit, Environment

_DIST = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)\.(?:dist-info|egg-info)")
_GIT_SECONDS = 10


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Answer microseconds since 1970 UTC."""
        return time.time_ns() // 1000


class LocalSurroundings:
    """The person, the git checkout and the Python of this process."""

    def author(self) -> str:
        """Answer the account that owns this process, not what a variable claims."""
        return _account()

    def commit(self, path: Path | None) -> Commit | None:
        """Answer the state of the git checkout around `path`, None outside one."""
        if path is None:
            return None
        folder = path.resolve().parent if path.is_file() else path.resolve()
        if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
            return None
        lines = (_git(folder, "status", "--porcelain=v2", "--branch", "-uno") or "").splitlines()
        told = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch."))
        sha, branch = told.get("branch.oid", "(initial)"), told.get("branch.head")
        if sha == "(initial)":
            return None
        return Commit(
            sha,
            branch=None if branch == "(detached)" else branch,
            remote=_remote(folder),
            dirty=any(not line.startswith("#") for line in lines),
        )

    def warn(self, message: str, category: type[Warning]) -> None:
        """Warn as Python does, at the line that called the registry."""
        warnings.warn(message, category, stacklevel=_first_outside())

    def environment(self) -> Environment:
        """Answer the running Python and the packages on its path."""
        return Environment(platform.python_version(), _system(), dict(_packages(tuple(sys.path))))


def _first_outside() -> int:
    """Answer how far up the stack the first caller outside this package is."""
    level = 2
    while (frame := sys._getframe(level)).f_back is not None:  # noqa: SLF001 - what warnings use
        if not frame.f_globals.get("__name__", "").startswith("modelry."):
            break
        level += 1
    return level


def _git(folder: Path, *words: str) -> str | None:
    """Ask git, None where it does not answer."""
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *words]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        answer = subprocess.run(  # noqa: S603 - fixed words, no shell
            command, capture_output=True, text=True, timeout=_GIT_SECONDS, env=clean, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return (answer.stdout.strip() or None) if answer.returncode == 0 else None


@cache
def _remote(folder: Path) -> str | None:
    """Ask for the origin once a process: it hardly ever changes, and each question costs."""
    return _without_secret(_git(folder, "config", "--get", "remote.origin.url"))


def _without_secret(url: str | None) -> str | None:
    """Drop a user name and a token from a remote's address."""
    if url is None or "://" not in url:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


@cache
def _system() -> str:
    """Name the system without `platform.platform`, which runs a program to know more."""
    return f"{platform.system()}-{platform.release()}-{platform.machine()}"


@cache
def _account() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return getpass.getuser()


@cache
def _packages(path: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """List installed packages by the names of their metadata folders, first on the path first."""
    found: dict[str, str] = {}
    for folder in path:
        try:
            names = [entry.name for entry in Path(folder or ".").iterdir()]
        except OSError:
            continue
        for match in filter(None, map(_DIST.fullmatch, names)):
            name = re.sub(r"[-_.]+", "-", match["name"]).lower()
            found.setdefault(name, match["version"])
    return tuple(sorted(found.items()))
