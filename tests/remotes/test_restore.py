"""A backup of one registry fills an empty one, embedded or at a server."""

from __future__ import annotations

import io
from pathlib import Path

from serving import Running

from modelry import wiring
from modelry.remotes.client import open_client


def test_a_backup_of_a_server_restores_into_an_embedded_registry(
    server: Running, tmp_path: Path
) -> None:
    source = tmp_path / "m.bin"
    source.write_text("weights")
    stream = io.BytesIO()
    with open_client(server.url, home=tmp_path / "home", token=server.token) as registry:
        registry.register("m", source)
        registry.promote("m:1", "production")
        checkpoint = registry.checkpoint()
        written = registry.export(stream)
    with wiring.connect(f"sqlite:///{tmp_path}/back/r.db", home=tmp_path / "back") as back:
        restored = back.restore(stream, checkpoint=checkpoint)
        assert restored == written
        assert back.use("m@production").read_text() == "weights"
        assert not back.audit(checkpoint=checkpoint).problems
