"""Projects and their stages, wherever the registry is."""

from __future__ import annotations

import pytest

from modelry.core.errors import Conflict, Invalid, NotFound
from modelry.core.lifecycle import DEFAULT_LIFECYCLE
from modelry.core.repository import RegistryRepository
from modelry.testing.behaviour_fixtures import BehaviourFixtures, MakeFile


class ProjectBehaviour(BehaviourFixtures):
    """A project has the stages it wants."""

    def test_a_project_is_made_once_with_the_usual_stages(
        self, registry: RegistryRepository, some_file: MakeFile
    ) -> None:
        assert registry.create_project("Lab") == DEFAULT_LIFECYCLE
        assert registry.create_project("LAB") == registry.stages("lab")
        assert list(registry.projects()) == ["default", "lab"]
        version = registry.register("lab/m", some_file())
        assert (version.full_name, version.ref) == ("lab/m", "lab/m:1")
        assert registry.use("lab/m").read_text() == "weights"
        assert registry.model("LAB/m").versions == 1
        assert [each.ref for each in registry.versions("lab/m")] == ["lab/m:1"]
        with pytest.raises(Invalid):
            registry.create_project("a b")

    def test_stages_change_and_their_rules_hold(self, three: RegistryRepository) -> None:
        wanted = [
            "none",
            "staging",
            {"name": "canary", "after": ["staging"]},
            {"name": "production", "exclusive": True, "displaced": "staging", "after": ["canary"]},
            {"name": "archived", "pointed": False},
        ]
        lifecycle = three.configure_stages(wanted)
        assert three.configure_stages(wanted) == three.stages("Default") == lifecycle
        changed = three.project_history("Default")
        assert [str(event.kind) for event in changed][:1] == ["project.stages_changed"]
        with pytest.raises(Conflict, match="comes to production from canary only"):
            three.promote("m:1", "production")
        for stage in ("staging", "canary", "production"):
            three.promote("m:1", stage)
        assert three.resolve("m@production").number == 1

    def test_a_stage_that_is_in_use_stays(self, three: RegistryRepository) -> None:
        three.promote("m:1", "production")
        with pytest.raises(Conflict, match="versions are in the stage production"):
            three.configure_stages(["none", "staging"])
        with pytest.raises(Invalid, match="stages are a list of at least two"):
            three.configure_stages(["none"])
        with pytest.raises(Invalid, match="a stage cannot have colour"):
            three.configure_stages(["none", {"name": "x", "colour": "red"}])
        with pytest.raises(NotFound, match="no project 'absent'"):
            three.configure_stages(["a", "b"], "absent")

    def test_the_history_of_a_project_is_paged(self, registry: RegistryRepository) -> None:
        registry.create_project("lab")
        registry.configure_stages(["new", "better"], "lab")
        first = registry.project_history("lab", limit=1)
        assert [str(event.kind) for event in first] == ["project.stages_changed"]
        rest = registry.project_history("lab", cursor=first.next)
        assert rest.events[0].kind == "project.created"
        with pytest.raises(NotFound, match="no project 'absent'"):
            registry.project_history("absent")
        registry.create_model("lab/m")
        with pytest.raises(Invalid, match="no exclusive stage"):
            registry.rollback("lab/m")
