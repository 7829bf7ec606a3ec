"""Deleting, purging, collecting, verifying and auditing, wherever the registry is."""

from __future__ import annotations

import pytest

from modelry.core.errors import Conflict, Invalid, NotFound
from modelry.core.repository import RegistryRepository
from modelry.core.verbs.remove import Collected
from modelry.testing.behaviour_fixtures import BehaviourFixtures, MakeFile


class RemovalBehaviour(BehaviourFixtures):
    """What is taken away leaves its history."""

    def test_a_deleted_version_is_gone_and_its_history_stays(
        self, three: RegistryRepository
    ) -> None:
        three.delete("m:1", comment="wrong data")
        with pytest.raises(NotFound, match="m:1 was deleted; its history stays"):
            three.resolve("m:1")
        with pytest.raises(NotFound, match="was deleted"):
            three.use("m:1")
        assert [version.number for version in three.versions("m")] == [3, 2]
        told = three.history("m:1")
        assert [str(event.kind) for event in told] == ["version.deleted", "version.registered"]
        assert told.events[0].comment == "wrong data"
        with pytest.raises(NotFound, match="was deleted"):
            three.delete("m:1")

    @pytest.mark.parametrize("name", ["production", "champion"])
    def test_what_a_pointer_names_is_not_deleted(
        self, three: RegistryRepository, name: str
    ) -> None:
        if name == "champion":
            three.alias("m", name, "1")
        else:
            three.promote("m:1", name)
        for ref in ("m:1", "m"):
            with pytest.raises(Conflict, match=f"m@{name} names version 1; move or remove"):
                three.delete(ref)

    def test_a_deleted_model_takes_its_versions_along(self, three: RegistryRepository) -> None:
        three.delete("m", comment="project ended")
        assert not three.models()
        assert not three.search("m")
        for ask in (three.resolve, three.versions, three.model):
            with pytest.raises(NotFound, match="was deleted"):
                ask("m")
        assert three.history("m").events[0].kind == "model.deleted"

    def test_a_purge_frees_bytes_that_nobody_else_names(
        self, three: RegistryRepository, some_file: MakeFile
    ) -> None:
        three.register("other", some_file("weights 2"))
        with pytest.raises(Conflict, match="m:1 is not deleted; delete it first"):
            three.purge("m:1")
        with pytest.raises(Invalid, match="say which version to purge"):
            three.purge("m")
        for number in (1, 2):
            three.delete(f"m:{number}")
        assert three.purge("m:1", comment="privacy") == Collected(1, 9)
        assert three.purge("m:2") == Collected(0, 0)
        assert three.use("other").read_text() == "weights 2"
        assert not three.verify().problems
        assert not three.audit().problems
        assert three.history("m:1").events[0].comment == "privacy"
        with pytest.raises(NotFound):
            three.purge("m:9")

    def test_bytes_are_verified_and_collected(self, three: RegistryRepository) -> None:
        found = three.verify()
        assert (found.blobs, found.bytes, found.problems) == (3, 27, ())
        assert three.verify("m:1").blobs == 1
        assert three.verify("m").bytes == 27
        assert three.gc(grace=0) == Collected(0, 0)
        assert three.gc() == Collected(0, 0)
        with pytest.raises(NotFound):
            three.verify("absent")

    def test_records_are_audited_against_a_checkpoint(self, three: RegistryRepository) -> None:
        seen = three.checkpoint()
        assert {head.chain for head in seen.heads} >= {"default/m"}
        three.promote("m:1", "staging")
        found = three.audit("m", checkpoint=None)
        assert (found.chains, found.events, found.problems) == (1, 4, ())
        assert not three.audit(checkpoint=seen).problems
