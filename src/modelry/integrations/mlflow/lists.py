"""Models and versions as lists, filtered and sorted by MLflow's own rules.

MLflow's filters are richer than what a registry is asked over its verbs, so a
search of an embedded registry reads the versions of the project, or of the one
model that it names. Where the registry is a server, its database does this
(`door.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.prompt.registry_utils import add_prompt_filter_string
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry import (
    SEARCH_MODEL_VERSION_MAX_RESULTS_THRESHOLD,
    SEARCH_REGISTERED_MODEL_MAX_RESULTS_THRESHOLD,
)
from mlflow.utils.search_utils import SearchModelUtils, SearchModelVersionUtils, SearchUtils

from modelry.core.model import ModelSummary, Page, Version
from modelry.core.repository import RegistryRepository
from modelry.integrations.mlflow.address import Place
from modelry.integrations.mlflow.entities import model_entity, version_entity
from modelry.integrations.mlflow.refusals import refusal

T = TypeVar("T")
_PAGE = 100
_ONE_MODEL = re.compile(r"""(?:^|\band\s)\s*name\s*=\s*(['"])([A-Za-z0-9._-]+)\1""", re.IGNORECASE)
_USUAL = ("last_updated_timestamp DESC", "name ASC", "version_number DESC")


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for, as MLflow says it."""

    filter: str | None = None
    most: int | None = None
    order: Sequence[str] | None = None
    token: str | None = None

    @property
    def models(self) -> int:
        """How many models a page may have. Raises `MlflowException`."""
        return _count(self.most, SEARCH_REGISTERED_MODEL_MAX_RESULTS_THRESHOLD)

    @property
    def versions(self) -> int:
        """How many versions a page may have. Raises `MlflowException`."""
        return _count(self.most, SEARCH_MODEL_VERSION_MAX_RESULTS_THRESHOLD)

    @property
    def by_source(self) -> bool:
        """Whether it may ask for a source, which is an address of the plug-in's alone."""
        return "source_path" in (self.filter or "")


def model_of(registry: RegistryRepository, place: Place, summary: ModelSummary) -> RegisteredModel:
    """Answer a model with the latest version of each stage."""
    name = f"{place.project}/{summary.model.name}"
    found = latest_of(registry, place, name) if summary.versions else {}
    return model_entity(summary, list(found.values()))


def latest_of(registry: RegistryRepository, place: Place, name: str) -> dict[str, ModelVersion]:
    """Answer the version with the highest number in each stage that has one, by stage."""
    found: dict[str, Version] = {}
    page = registry.versions(name, limit=_PAGE)
    for version in page:
        found.setdefault(version.stage, version)
    if page.next is not None:
        for stage in registry.stages(place.project).stages:
            for version in registry.versions(name, stage=stage.name, limit=1):
                found[stage.name] = version
    return {stage: version_entity(place, version) for stage, version in found.items()}


def search_models(
    registry: RegistryRepository, place: Place, search: Search
) -> PagedList[RegisteredModel]:
    """Find models; the versions of those that are answered are looked up last."""
    count = search.models
    summaries = {
        each.model.name: each
        for each in _all(lambda cursor: registry.models(place.project, cursor=cursor))
    }
    bare = [model_entity(each, ()) for each in summaries.values()]
    found = SearchModelUtils.filter(bare, add_prompt_filter_string(search.filter))
    ordered = SearchModelUtils.sort(found, list(search.order or ()))
    page = _page(ordered, count, search.token)
    shown = [model_of(registry, place, summaries[each.name]) for each in page]
    return PagedList(shown, page.token)


def search_versions(
    registry: RegistryRepository, place: Place, search: Search
) -> PagedList[ModelVersion]:
    """Find versions of the project, or of the one model that the filter names."""
    count = search.versions
    versions = [
        _Numbered(version_entity(place, each)) for each in _versions(registry, place, search.filter)
    ]
    found = SearchModelVersionUtils.filter(versions, add_prompt_filter_string(search.filter))
    ordered = SearchModelVersionUtils.sort(found, list(search.order or _USUAL))
    page = _page(ordered, count, search.token)
    return PagedList([each.shown for each in page], page.token)


class _Numbered:
    """A version as MLflow's filters and orders want it: its number is none that is text."""

    def __init__(self, shown: ModelVersion) -> None:
        self.shown = shown
        self.version = int(shown.version)

    def __getattr__(self, name: str) -> object:
        return getattr(self.shown, name)


def _versions(
    registry: RegistryRepository, place: Place, filter_string: str | None
) -> Iterator[Version]:
    named = _ONE_MODEL.search(filter_string or "")
    for each in _all(lambda cursor: registry.models(place.project, cursor=cursor)):
        name = each.model.name
        if each.versions and (named is None or named[2] == name):
            yield from _all(_versions_of(registry, f"{place.project}/{name}"))


def _versions_of(registry: RegistryRepository, name: str) -> Callable[[str | None], Page[Version]]:
    return lambda cursor: registry.versions(name, limit=_PAGE, cursor=cursor)


def _all(page_at: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """Answer every item of every page."""
    cursor = None
    while True:
        page = page_at(cursor)
        yield from page
        cursor = page.next
        if cursor is None:
            return


def _count(asked: int | None, most: int) -> int:
    count = most if asked is None else asked
    if not 1 <= count <= most:
        msg = f"max_results is {asked}; ask for at least 1 and at most {most}"
        raise refusal(msg, INVALID_PARAMETER_VALUE)
    return count


def _page(found: Sequence[T], count: int, token: str | None) -> PagedList[T]:
    start = SearchUtils.parse_start_offset_from_page_token(token)
    after = start + count
    following = SearchUtils.create_page_token(after) if after < len(found) else None
    return PagedList(list(found[start:after]), following)
