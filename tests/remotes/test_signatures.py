"""Every registry has the verbs of the protocol, with the same parameters in the same order."""

from __future__ import annotations

import inspect

import pytest

from modelry.core.administration import Administration
from modelry.core.registry import Registry
from modelry.core.repository import AdministrationRepository, RegistryRepository
from modelry.remotes.client import Client
from modelry.remotes.client.administration import ClientAdministration
from modelry.remotes.gto.registry import GtoRegistry
from modelry.remotes.huggingface.registry import HubRegistry
from modelry.remotes.mlflow.registry import MlflowRegistry


def verbs(protocol: type) -> list[str]:
    found = [name for name, _ in inspect.getmembers(protocol, inspect.isfunction)]
    return [name for name in found if not name.startswith("_")]


@pytest.mark.parametrize("verb", verbs(RegistryRepository))
def test_a_verb_is_called_the_same_everywhere(verb: str) -> None:
    wanted = inspect.signature(getattr(RegistryRepository, verb))
    assert inspect.signature(getattr(Registry, verb)) == wanted
    assert inspect.signature(getattr(Client, verb)) == wanted
    for adapter in (MlflowRegistry, HubRegistry, GtoRegistry):
        assert inspect.signature(getattr(adapter, verb)) == wanted


@pytest.mark.parametrize("verb", verbs(AdministrationRepository))
def test_a_verb_about_people_is_called_the_same_everywhere(verb: str) -> None:
    wanted = inspect.signature(getattr(AdministrationRepository, verb))
    assert inspect.signature(getattr(Administration, verb)) == wanted
    assert inspect.signature(getattr(ClientAdministration, verb)) == wanted


def test_the_embedded_registry_has_no_verb_that_others_lack() -> None:
    assert set(verbs(Registry)) == set(verbs(RegistryRepository))
    assert set(verbs(Administration)) == set(verbs(AdministrationRepository))


def all_of_them(
    embedded: Registry, client: Client, mlflow: MlflowRegistry, hub: HubRegistry, gto: GtoRegistry
) -> list[RegistryRepository]:
    """Mypy checks them against the protocol here."""
    return [embedded, client, mlflow, hub, gto]
