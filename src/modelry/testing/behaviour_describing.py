"""Models before their versions, tags and descriptions, wherever the registry is."""

from __future__ import annotations

import pytest

from modelry.core.errors import Invalid, NotFound
from modelry.core.repository import RegistryRepository
from modelry.testing.behaviour_fixtures import BehaviourFixtures, MakeFile


class DescribingBehaviour(BehaviourFixtures):
    """What may change about a version and a model."""

    def test_a_model_can_be_made_before_its_versions(
        self, registry: RegistryRepository, some_file: MakeFile
    ) -> None:
        made = registry.create_model("m", description="soon", tags={"owner": "bo"})
        assert (made.description, made.tags, made.last_number) == ("soon", {"owner": "bo"}, 0)
        again = registry.create_model("M")
        assert (again.uid, again.description, again.created) == (made.uid, "soon", made.created)
        with pytest.raises(NotFound, match="m has no version yet"):
            registry.resolve("m")
        registry.register("m", some_file())
        assert registry.model("m").versions == 1

    def test_tags_and_descriptions_change_with_a_record(self, three: RegistryRepository) -> None:
        three.tag("m:1", {"team": "risk", "old": "x", "count": 3})
        three.tag("m:1", ["gpu"], remove=["old"])
        assert three.resolve("m:1").tags == {"team": "risk", "gpu": "", "count": "3"}
        three.describe("m:1", "the first, ünïcode")
        assert three.resolve("m:1").description == "the first, ünïcode"
        three.describe("m", "all of them")
        three.tag("m", {"owner": "bo"})
        model = three.model("m").model
        assert (model.description, model.tags) == ("all of them", {"owner": "bo"})
        kinds = [str(event.kind) for event in three.history("m", limit=4)]
        assert kinds == [
            "model.tagged", "model.described", "version.described", "version.tagged"]  # fmt: skip
        before = len(three.history("m"))
        three.describe("m", "all of them")
        assert len(three.history("m")) == before

    def test_what_cannot_be_described_is_refused(self, three: RegistryRepository) -> None:
        with pytest.raises(NotFound, match=r"^m:1 has no tag 'absent'$"):
            three.tag("m:1", remove=["absent"])
        with pytest.raises(NotFound, match=r"^m has no tag 'absent'$"):
            three.tag("m", remove=["absent"])
        with pytest.raises(Invalid, match="tags are a map or a list"):
            three.tag("m", "gpu")
        with pytest.raises(Invalid, match="the description"):
            three.describe("m", "x" * 70_000)
        with pytest.raises(NotFound, match="m has no version 9"):
            three.describe("m:9", "x")
