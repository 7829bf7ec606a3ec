"""Exports, imports and backups, wherever the registry is."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from modelry.core.errors import Conflict, Invalid, NotFound
from modelry.core.repository import RegistryRepository
from modelry.testing.behaviour_fixtures import BehaviourFixtures, MakeFile


class CarryingBehaviour(BehaviourFixtures):
    """A registry goes into a file, and comes out of it as it was."""

    def test_one_model_is_carried_with_its_history_and_bytes(
        self,
        three: RegistryRepository,
        elsewhere: RegistryRepository,
        some_file: MakeFile,
        tmp_path: Path,
    ) -> None:
        three.promote("m:1", "production", comment="first")
        three.register("other", some_file("x"))
        with (tmp_path / "m.tar").open("wb") as stream:
            written = three.export(stream, "m")
        assert (written.models, written.versions, written.events) == (1, 3, 4)
        assert (written.blobs, written.bytes) == (3, 27)
        with (tmp_path / "m.tar").open("rb") as stream:
            taken = elsewhere.import_(stream)
            assert (taken.models, taken.versions, taken.blobs) == (1, 3, 3)
            stream.seek(0)
            assert elsewhere.import_(stream).models == 0
        assert elsewhere.resolve("m@production").metrics == {"auc": 0.1}
        assert elsewhere.use("m:3").read_text() == "weights 3"
        assert [event.comment for event in elsewhere.history("m", limit=2)] == ["", "first"]
        assert not elsewhere.audit().problems
        with pytest.raises(NotFound):
            three.export(io.BytesIO(), "absent")

    def test_a_model_of_another_history_is_not_written_over(
        self, three: RegistryRepository, elsewhere: RegistryRepository, some_file: MakeFile
    ) -> None:
        elsewhere.register("m", some_file("mine"))
        stream = io.BytesIO()
        three.export(stream, "m")
        with pytest.raises(Conflict):
            elsewhere.import_(stream)
        assert elsewhere.model("m").versions == 1

    def test_what_is_no_archive_is_refused(self, registry: RegistryRepository) -> None:
        with pytest.raises(Invalid, match="this is not an archive of Modelry"):
            registry.import_(io.BytesIO(b""))
        with pytest.raises(Invalid):
            registry.import_(io.BytesIO(b"x" * 10_000))
        three = io.BytesIO()
        registry.create_model("m")
        registry.export(three)
        cut = io.BytesIO(three.getvalue()[:2048])
        with pytest.raises(Invalid, match="archive"):
            registry.import_(cut)

    def test_a_backup_is_whole(self, three: RegistryRepository) -> None:
        stream = io.BytesIO()
        seen: list[int] = []
        carried = three.export(stream, progress=lambda what, done, total: seen.append(done))  # noqa: ARG005 - the port's signature
        assert (carried.models, carried.versions) == (1, 3)
        assert seen
        with pytest.raises(Conflict):
            three.restore(stream)
