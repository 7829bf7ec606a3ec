"""A real server in a process of its own, for tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

SECONDS = 60.0
"""How long a server may take to start."""

_SERVING = re.compile(r"modelry is serving at (http://\S+)")
_TOKEN = re.compile(r"admin token: (modelry_\S+)")


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: its address, the first token of its administrator, its process."""

    url: str
    token: str = field(repr=False)
    process: subprocess.Popen[str] = field(repr=False)


@contextmanager
def served(uri: str, blobs: str, *, port: int = 0, **settings: str) -> Iterator[Served]:
    """Start `modelry serve` over a database and blobs, and end it with the context.

    `settings` are environment variables (`MODELRY_...`). The token is empty
    where the registry was served before, because it is shown but once.
    """
    command = [
        sys.executable, "-m", "modelry.cli.main", "serve", "--host", "127.0.0.1",
        "--port", str(port), "--uri", uri, "--blobs", blobs,
    ]  # fmt: skip
    process = subprocess.Popen(  # noqa: S603 - our own command
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, **settings}
    )
    listener = _Listener(process)
    listener.start()
    try:
        url, token = listener.found()
        yield Served(url, token, process)
    finally:
        process.terminate()
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        listener.join()


class _Listener(threading.Thread):
    """Reads what a server says, to its end, so that it never waits for us."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(name="served", daemon=True)
        self._process = process
        self._said: list[str] = []
        self._ready = threading.Event()

    def run(self) -> None:
        assert self._process.stderr is not None  # it was asked for
        with self._process.stderr as stream:
            for line in stream:
                if not self._ready.is_set():
                    self._said.append(line)
                if _SERVING.search(line):
                    self._ready.set()
        self._ready.set()

    def found(self) -> tuple[str, str]:
        """Wait for the line that says where; answer the address and the token, if one was shown."""
        self._ready.wait(SECONDS)
        said = "".join(self._said)
        url, token = _SERVING.search(said), _TOKEN.search(said)
        if url is None:
            msg = f"the server did not start:\n{said}"
            raise RuntimeError(msg)
        return url[1], token[1] if token else ""
