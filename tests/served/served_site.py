"""What proofs with real servers share: the folder of one, its callers, its processes."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from modelry.core.registry import Registry
from modelry.remotes.client import patience
from modelry.remotes.client.client import Client
from modelry.remotes.client.opening import open_client
from modelry.settings import Settings
from modelry.testing.server import Served, served
from modelry.wiring import embedded

TESTS = Path(__file__).parents[1]
SECONDS = 60.0


@dataclass(frozen=True)
class Place:
    """Where the metadata and the bytes of a registry are."""

    home: Path
    uri: str
    blobs: str

    @contextmanager
    def serve(self, *, port: int = 0, workers: int = 1, **settings: str) -> Iterator[Served]:
        """Serve it until the end of the context, and wait until it answers."""
        own = {"MODELRY_HOME": str(self.home), "MODELRY_LOG": "off",
               "MODELRY_WORKERS": str(workers)}  # fmt: skip
        with served(self.uri, self.blobs, port=port, **{**own, **settings}) as server:
            until_ready(server.url)
            yield server

    @contextmanager
    def inside(self) -> Iterator[Registry]:
        """Open it without a server, to look at what is stored."""
        settings = Settings(home=self.home, uri=self.uri, blobs=self.blobs)
        with Registry(embedded(settings)) as registry:
            yield registry


def on_sqlite(folder: Path) -> Place:
    """Answer a place in a folder."""
    home = folder / "home"
    return Place(home, f"sqlite:///{home / 'registry.db'}", (home / "blobs").as_uri())


def until_ready(url: str) -> None:
    """Wait until a server says that it is ready."""
    until = time.monotonic() + SECONDS
    while not is_ready(url):
        assert time.monotonic() < until, f"{url} is not ready"
        time.sleep(0.02)


def is_ready(url: str, *, seconds: float = SECONDS) -> bool:
    """Ask a server whether it is ready; no answer is an answer too."""
    try:
        return httpx.get(f"{url}/health/ready", timeout=seconds).status_code == 200
    except httpx.RequestError:
        return False


@contextmanager
def client_of(url: str, token: str, home: Path, *, patience: float = SECONDS) -> Iterator[Client]:
    """Open the Python client."""
    with open_client(url, home=home, token=token, patience=patience) as client:
        yield client


@contextmanager
def http_of(url: str, token: str, *, seconds: float = SECONDS) -> Iterator[httpx.Client]:
    """Open a client that tries nothing twice."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=seconds) as client:
        yield client


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients of this process wait shortly between two tries."""
    monkeypatch.setattr(patience, "_LONGEST", 0.1)


def children_of(parent: int, word: bytes = b"") -> list[int]:
    """Answer the processes that another one started, whose command holds `word`."""
    folders = [each for each in Path("/proc").iterdir() if each.name.isdigit()]
    return sorted(int(each.name) for each in folders if _is_child(each, parent, word))


def _is_child(folder: Path, parent: int, word: bytes) -> bool:
    try:
        facts = (folder / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2]
        command = (folder / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    state, own_parent, *_ = facts.split()
    return int(own_parent) == parent and state != "Z" and word in command


def workers_of(supervisor: int) -> list[int]:
    """Answer the processes that a server with several workers has started to answer requests."""
    return children_of(supervisor, b"spawn_main")


def said(path: Path, pattern: str) -> str:
    """Wait until a process that writes to `path` has said something, and answer it."""
    until = time.monotonic() + SECONDS
    while True:
        text = path.read_text(encoding="utf-8")
        found = re.search(pattern, text)
        if found:
            return found[1]
        assert time.monotonic() < until, text
        time.sleep(0.02)


def environment(**more: str) -> dict[str, str]:
    """Answer the environment of a process that imports what the proofs share."""
    rooms = [os.environ.get("PYTHONPATH", ""), TESTS / "served", TESTS / "proofs", TESTS / "blobs"]
    path = os.pathsep.join(str(room) for room in rooms if room)
    return {**os.environ, "PYTHONPATH": path, **more}
