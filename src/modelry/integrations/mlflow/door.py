"""The MLflow door of a server: it looks up, searches and renames for the plug-in.

A server speaks MLflow's own protocol beside its API. It is spoken here over
the connections of our client: the same token, patience and certificates as for
every other verb. What it shows is told in the plug-in's words (`entities.py`):
a model by the name that it has here, which is not its title where that holds
spaces; a version's source by the address of its sealed files; a stage as its
project calls it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlflow.entities.model_registry import (
    ModelVersion,
    ModelVersionTag,
    RegisteredModel,
    RegisteredModelAlias,
    RegisteredModelTag,
)
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, ErrorCode
from mlflow.store.entities.paged_list import PagedList

from modelry.core.lifecycle import Lifecycle
from modelry.core.names import check_model
from modelry.core.repository import RegistryRepository
from modelry.core.selection import name_for
from modelry.integrations.mlflow.address import Place
from modelry.integrations.mlflow.entities import stage_shown
from modelry.integrations.mlflow.lists import Search
from modelry.integrations.mlflow.refusals import refusal
from modelry.remotes.client.client import Client
from modelry.remotes.client.wire import Ask

Shape = Mapping[str, Any]


def door_of(place: Place, registry: RegistryRepository) -> Door | None:
    """Answer the MLflow door of the server that a registry is at, None for any other registry."""
    return Door(place, registry) if isinstance(registry, Client) else None


@dataclass(frozen=True, slots=True)
class Door:
    """MLflow's protocol at a server, for one project."""

    place: Place
    client: Client

    def model(self, name: str) -> RegisteredModel:
        """Answer a model, with the latest version of each stage. Raises `MlflowException`."""
        ask = Ask("GET", self._path("registered-models/get"), {"name": check_model(name)})
        shape: Shape = self._said(ask)["registered_model"]
        return self._reader([shape]).model(shape)

    def models(self, search: Search) -> PagedList[RegisteredModel]:
        """Find models, with the latest version of each stage."""
        answer = self._get("registered-models/search", search, search.models)
        shapes: Sequence[Shape] = answer.get("registered_models", ())
        reader = self._reader(shapes)
        return PagedList([reader.model(each) for each in shapes], answer.get("next_page_token"))

    def versions(self, search: Search) -> PagedList[ModelVersion]:
        """Find versions."""
        answer = self._get("model-versions/search", search, search.versions)
        shapes: Sequence[Shape] = answer.get("model_versions", ())
        reader = self._reader(shapes)
        found = [reader.version(each, each.get("aliases", ())) for each in shapes]
        return PagedList(found, answer.get("next_page_token"))

    def rename(self, name: str, new: str) -> None:
        """Give a model another name. Raises `MlflowException`, also for a name that is taken."""
        body = {"name": check_model(name), "new_name": check_model(new)}
        self._said(Ask("POST", self._path("registered-models/rename"), json=body))

    def _get(self, route: str, search: Search, count: int) -> Shape:
        params = {
            "filter": search.filter,
            "max_results": count,
            "order_by": list(search.order or ()),
            "page_token": search.token,
        }
        return self._said(Ask("GET", self._path(route), params))

    def _path(self, route: str) -> str:
        return f"/projects/{self.place.project}/api/2.0/mlflow/{route}"

    def _said(self, ask: Ask) -> Shape:
        """Answer what the server says. Raises `MlflowException` with the server's own code."""
        answer = self.client.spoken(ask)
        if "error_code" in answer:
            raise refusal(str(answer.get("message", "")), _code(str(answer["error_code"])))
        return answer

    def _reader(self, shapes: Sequence[Shape]) -> _Reader:
        """Answer what reads these shapes; the stages are asked for where there are any."""
        return _Reader(self.place, self.client.stages(self.place.project) if shapes else None)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads what the server shows, in a project with these stages."""

    place: Place
    lifecycle: Lifecycle | None

    def model(self, shape: Shape) -> RegisteredModel:
        aliases = {each["alias"]: each["version"] for each in shape.get("aliases", ())}
        latest = [
            self.version(each, [name for name, at in aliases.items() if at == each["version"]])
            for each in shape.get("latest_versions", ())
        ]
        return RegisteredModel(
            name=name_for(shape["name"]),
            creation_timestamp=shape["creation_timestamp"],
            last_updated_timestamp=shape["last_updated_timestamp"],
            description=shape.get("description", ""),
            latest_versions=latest,
            tags=[RegisteredModelTag(*tag) for tag in _tags(shape)],
            aliases=[RegisteredModelAlias(*alias) for alias in aliases.items()],
        )

    def version(self, shape: Shape, aliases: Iterable[str]) -> ModelVersion:
        """Answer a version; in a model its aliases stand beside it."""
        name, number = name_for(shape["name"]), shape["version"]
        return ModelVersion(
            name=name,
            version=number,
            creation_timestamp=shape["creation_timestamp"],
            last_updated_timestamp=shape["last_updated_timestamp"],
            description=shape.get("description", ""),
            user_id=shape["user_id"],
            current_stage=stage_shown(_own(self.lifecycle, shape["current_stage"])),
            source=self.place.files_of(name, int(number)),
            run_id=shape.get("run_id", ""),
            tags=[ModelVersionTag(*tag) for tag in _tags(shape)],
            run_link=shape.get("run_link", ""),
            aliases=list(aliases),
            model_id=shape.get("model_id"),
        )


def _tags(shape: Shape) -> list[tuple[str, str]]:
    return sorted((each["key"], each["value"]) for each in shape.get("tags", ()))


def _own(lifecycle: Lifecycle | None, shown: str) -> str:
    """Answer the stage that a server shows under the name of one of MLflow's that it is like."""
    key = shown.lower()
    if lifecycle is None or key in lifecycle:
        return key
    alike = {"none": lifecycle.initial, "production": lifecycle.main, "archived": lifecycle.archive}
    return alike.get(key) or key


def _code(name: str) -> int:
    """Answer a code of MLflow's by its name; what this release does not know is a fault."""
    return int(ErrorCode.Value(name)) if name in ErrorCode.keys() else INTERNAL_ERROR  # noqa: SIM118 - protobuf's
