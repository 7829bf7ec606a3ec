"""A server that is killed, or whose answers get lost, costs time and nothing else."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from serving import Running

from modelry.core.ports import Progress
from modelry.remotes.client import Client, fetching, open_client, sending
from modelry.testing.server import Served, served

BIG = os.urandom(4 * 1024 * 1024)


class Outage:
    """A server that is killed once, in the middle of what it does, and comes back."""

    def __init__(self, stack: ExitStack, place: Path) -> None:
        self._stack = stack
        self._place = place
        self.running: Served = self._start(0)
        self.token = self.running.token
        self.kills = 0

    def _start(self, port: int) -> Served:
        uri, blobs = f"sqlite:///{self._place}/registry.db", (self._place / "blobs").as_uri()
        return self._stack.enter_context(served(uri, blobs, port=port, MODELRY_LOG="off"))

    def during(self, what: str) -> Progress:
        """Answer a progress callback that kills and restarts the server when bytes first move."""
        kills = self.kills

        def progress(doing: str, done: int, total: int) -> None:
            if doing == what and 0 < done < total and self.kills == kills:
                self.kills += 1
                self.running.process.kill()
                self.running.process.wait()
                self.running = self._start(urlsplit(self.running.url).port or 0)

        return progress


def test_a_server_that_is_killed_amid_a_transfer_costs_time_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PIECE", 512 * 1024)
    monkeypatch.setattr(fetching, "SPAN", 512 * 1024)
    source = tmp_path / "big.bin"
    source.write_bytes(BIG)
    with ExitStack() as stack:
        outage = Outage(stack, tmp_path / "server")
        registry = stack.enter_context(
            open_client(outage.running.url, home=tmp_path / "home", token=outage.token)
        )
        watched = outage.during("uploading")
        version = registry.register("m", source, progress=watched)
        assert outage.kills == 1
        assert version.files[0].sha256 == hashlib.sha256(BIG).hexdigest()
        assert not registry.verify("m").problems
        watched = outage.during("fetching")
        assert registry.use("m", progress=watched).read_bytes() == BIG
        assert outage.kills == 2
        assert [str(event.kind) for event in registry.history("m")] == ["version.registered"]


class Forgetful(httpx.HTTPTransport):
    """A network that loses the answer to every first try of a change."""

    def __init__(self) -> None:
        super().__init__()
        self.lost: set[str] = set()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        key = request.headers.get("idempotency-key")
        if key is None or key in self.lost:
            return response
        self.lost.add(key)
        response.read()
        response.close()
        msg = "the answer got lost"
        raise httpx.ReadError(msg, request=request)


@pytest.fixture
def forgetful(server: Running, tmp_path: Path) -> Client:
    return open_client(
        server.url, home=tmp_path / "home", token=server.token, transport=Forgetful()
    )


def test_a_change_whose_answer_is_lost_happens_once(forgetful: Client, tmp_path: Path) -> None:
    source = tmp_path / "m.bin"
    source.write_text("weights")
    with forgetful as registry:
        assert registry.register("m", source).number == 1
        assert registry.promote("m:1", "production").stage == "production"
        registry.alias("m", "champion", "1")
        registry.remove_alias("m", "champion")
        registry.tag("m:1", {"seen": "yes"})
        registry.archive("m:1")
        registry.delete("m:1")
        kinds = [str(event.kind) for event in registry.history("m")]
    assert kinds == [
        "version.deleted", "version.archived", "version.tagged", "alias.removed", "alias.set",
        "version.promoted", "version.registered",
    ]  # fmt: skip


def test_the_client_is_imported_for_servers_alone(tmp_path: Path) -> None:
    code = (
        "import sys, modelry; modelry.connect('sqlite:///' + sys.argv[1]).models(); "
        "import modelry.cli.app; sys.exit('httpx' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "r.db")], check=True)
