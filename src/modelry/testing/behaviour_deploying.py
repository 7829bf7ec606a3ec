"""Deployments, wherever the registry is."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelry.core.errors import Invalid, NotFound
from modelry.core.repository import RegistryRepository
from modelry.testing.behaviour_fixtures import BehaviourFixtures


class DeployingBehaviour(BehaviourFixtures):
    """Where versions run is recorded, and told as it was recorded."""

    def test_a_deployment_tells_when_where_which_version_and_by_whom(
        self, three: RegistryRepository
    ) -> None:
        done = three.deploy("m@latest", "  eu-cluster ", comment="canary went well")
        assert (done.ref, done.version, done.target) == ("m:3", "3", "eu-cluster")
        assert done.comment == "canary went well"
        assert done.actor == three.history("m").events[0].actor
        assert done.deployed_at == three.history("m").events[0].happened_at
        assert three.deployments("m").items == (done,)
        assert not three.audit().problems

    def test_deployments_are_listed_latest_first_of_one_target_or_of_all(
        self, three: RegistryRepository
    ) -> None:
        for number, target in ((1, "eu"), (2, "eu"), (2, "us"), (1, "eu")):
            three.deploy(f"m:{number}", target)
        told = [(each.number, each.target) for each in three.deployments("m")]
        assert told == [(1, "eu"), (2, "us"), (2, "eu"), (1, "eu")]
        assert [each.number for each in three.deployments("m", target="eu")] == [1, 2, 1]
        assert not three.deployments("m", target="elsewhere")

    def test_a_long_list_comes_in_pages(self, three: RegistryRepository) -> None:
        for number in (1, 2, 3):
            three.deploy(f"m:{number}", "eu")
        first = three.deployments("m", limit=2)
        assert [each.number for each in first] == [3, 2]
        assert first.next is not None
        rest = three.deployments("m", limit=2, cursor=first.next)
        assert ([each.number for each in rest], rest.next) == ([1], None)
        assert not three.deployments("m", cursor="0")

    def test_deployments_are_carried_with_their_model(
        self, three: RegistryRepository, elsewhere: RegistryRepository, tmp_path: Path
    ) -> None:
        done = three.deploy("m:2", "eu", comment="canary")
        archive = tmp_path / "m.tar"
        with archive.open("wb") as stream:
            three.export(stream, "m")
        with archive.open("rb") as stream:
            elsewhere.import_(stream)
        assert elsewhere.deployments("m").items == (done,)

    def test_only_a_registered_version_is_deployed(self, three: RegistryRepository) -> None:
        before = three.history("m").events
        three.delete("m:1")
        with pytest.raises(NotFound, match="m has no version 9"):
            three.deploy("m:9", "eu")
        with pytest.raises(NotFound, match="there is no model absent"):
            three.deploy("absent:1", "eu")
        with pytest.raises(NotFound, match="m:1 was deleted"):
            three.deploy("m:1", "eu")
        with pytest.raises(Invalid, match="say which version to deploy"):
            three.deploy("m", "eu")
        for target in ("", "  ", "two\nlines"):
            with pytest.raises(Invalid, match="say in one line where the version is deployed"):
                three.deploy("m:2", target)
        assert three.history("m").events[1:] == before
        with pytest.raises(NotFound, match="there is no model absent"):
            three.deployments("absent")
