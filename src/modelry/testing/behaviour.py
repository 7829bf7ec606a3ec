"""The suite of behaviour: what every registry answers, embedded or at a server.

A registry's own test is a subclass with two fixtures:

    class TestMyRegistry(RegistryBehaviour):
        @pytest.fixture
        def registry(self, tmp_path):
            return connect(...)

        @pytest.fixture
        def elsewhere(self, tmp_path):
            return connect(...)  # another one, empty
"""

from __future__ import annotations

from modelry.testing.behaviour_carrying import CarryingBehaviour
from modelry.testing.behaviour_deploying import DeployingBehaviour
from modelry.testing.behaviour_describing import DescribingBehaviour
from modelry.testing.behaviour_looking import LookingBehaviour
from modelry.testing.behaviour_people import PeopleBehaviour
from modelry.testing.behaviour_projects import ProjectBehaviour
from modelry.testing.behaviour_registering import RegisteringBehaviour
from modelry.testing.behaviour_removal import RemovalBehaviour
from modelry.testing.behaviour_stages import StageBehaviour


class RegistryBehaviour(
    RegisteringBehaviour,
    DescribingBehaviour,
    StageBehaviour,
    DeployingBehaviour,
    LookingBehaviour,
    ProjectBehaviour,
    RemovalBehaviour,
    CarryingBehaviour,
    PeopleBehaviour,
):
    """Every verb of `RegistryRepository`, with its refusals in the same words everywhere."""
