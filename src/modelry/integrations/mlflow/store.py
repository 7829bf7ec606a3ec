"""A registry of ours as MLflow's model registry store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlflow.entities.model_registry import (
    ModelVersion,
    ModelVersionTag,
    RegisteredModel,
    RegisteredModelTag,
)
from mlflow.prompt.registry_utils import has_prompt_tag
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_DOES_NOT_EXIST,
)
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry.abstract_store import AbstractStore

from modelry.core.errors import NotFound, Unsupported
from modelry.core.model import Version
from modelry.core.repository import RegistryRepository
from modelry.integrations.mlflow.address import place_of
from modelry.integrations.mlflow.entities import (
    own_tags,
    stage_asked,
    stage_shown,
    version_entity,
)
from modelry.integrations.mlflow.lists import (
    Search,
    latest_of,
    model_of,
    search_models,
    search_versions,
)
from modelry.integrations.mlflow.refusals import refusal, told
from modelry.integrations.mlflow.sources import (
    Facts,
    facts_of,
    files_of_source,
    prompt_file,
    ref_of,
)

if TYPE_CHECKING:  # MLflow imports this file whenever it is imported itself
    from modelry.integrations.mlflow.door import Door

_ACTIVE = frozenset({"staging", "production"})


class ModelryStore(AbstractStore):
    """The models of one project, at `modelry://project` or `modelry://host/project`."""

    def __init__(self, store_uri: str | None = None, tracking_uri: str | None = None) -> None:
        super().__init__(store_uri, tracking_uri)  # type: ignore[no-untyped-call]  # MLflow's has none
        with told():
            self._place = place_of(store_uri or "modelry:")
        self._tracking_uri = tracking_uri

    @property
    def _registry(self) -> RegistryRepository:
        return self._place.open()

    @property
    def _door(self) -> Door | None:
        from modelry.integrations.mlflow.door import door_of

        return door_of(self._place, self._registry)

    def _model(self, name: str) -> str:
        return f"{self._place.project}/{name}"

    def _version(self, name: str, version: str | int) -> str:
        if not str(version).isdigit():
            msg = f"Model version must be an integer, got '{version}'"
            raise refusal(msg, INVALID_PARAMETER_VALUE)
        return f"{self._model(name)}:{version}"

    def _shown(self, version: Version) -> ModelVersion:
        return version_entity(self._place, version)

    # Models

    def create_registered_model(
        self,
        name: str,
        tags: Sequence[RegisteredModelTag] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> RegisteredModel:
        """Make a model. Raises `MlflowException` where there is one of that name."""
        del deployment_job_id  # there are no such jobs
        given = {tag.key: tag.value for tag in tags or ()}
        with told():
            if self._is_there(name):
                msg = f"Registered Model (name={name}) already exists."
                raise refusal(msg, RESOURCE_ALREADY_EXISTS)
            self._registry.create_model(
                self._model(name), description=description or "", tags=given
            )
            return self.get_registered_model(name)

    def _is_there(self, name: str) -> bool:
        try:
            self._registry.model(self._model(name))
        except NotFound:
            return False
        return True

    def get_registered_model(self, name: str) -> RegisteredModel:
        """Answer a model with the latest version of each stage."""
        with told():
            if door := self._door:
                return door.model(name)
            try:
                summary = self._registry.model(self._model(name))
            except NotFound as error:
                msg = f"Registered Model with name={name} not found"
                raise refusal(msg, RESOURCE_DOES_NOT_EXIST) from error
            return model_of(self._registry, self._place, summary)

    def update_registered_model(
        self, name: str, description: str | None, deployment_job_id: str | None = None
    ) -> RegisteredModel:
        """Describe a model."""
        del deployment_job_id  # there are no such jobs
        with told():
            self._registry.describe(self._model(name), description or "")
        return self.get_registered_model(name)

    def rename_registered_model(self, name: str, new_name: str) -> RegisteredModel:
        """Give a model another name; only a server does, as the verbs here have no such one."""
        with told():
            door = self._door
            if door is None:
                msg = (
                    f"{name} keeps its name, as only a server renames: "
                    f"copy its versions to {new_name} instead (copy_model_version)"
                )
                raise Unsupported(msg, model=name)
            door.rename(name, new_name)
        return self.get_registered_model(new_name)

    def delete_registered_model(self, name: str) -> None:
        """Delete a model with all its versions."""
        with told():
            self._registry.delete(self._model(name))

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[RegisteredModel]:
        """Find models by MLflow's filters: in the database of a server, else in this process."""
        search = Search(filter_string, max_results, order_by, page_token)
        with told():
            if door := self._door:
                return door.models(search)
            return search_models(self._registry, self._place, search)

    def set_registered_model_tag(self, name: str, tag: RegisteredModelTag) -> None:
        """Set a tag of a model."""
        with told():
            self._registry.tag(self._model(name), {tag.key: tag.value})

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Remove a tag of a model, if it is there."""
        with told():
            self._registry.tag(self._model(name), remove=[key])

    # Versions

    def create_model_version(  # noqa: PLR0913 - MLflow says this much of a version
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Sequence[ModelVersionTag] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        local_model_path: str | None = None,
        model_id: str | None = None,
    ) -> ModelVersion:
        """Upload and seal the files that `source` names, with what its run knows of them."""
        given = {tag.key: tag.value for tag in tags or ()}
        tracking = self._tracking_uri
        with told():
            if not self._is_there(name):
                msg = f"Registered Model with name={name} not found"
                raise refusal(msg, RESOURCE_DOES_NOT_EXIST)
            ref = ref_of(self._place, source)
            prompt = has_prompt_tag(given)
            files = (
                prompt_file(given)
                if prompt
                else files_of_source(
                    self._registry, self._place, local_model_path or source, tracking
                )
            )
            facts = Facts() if prompt else facts_of(self._registry, ref, run_id, model_id, tracking)
            with files as path:
                made = self._registry.register(
                    self._model(name),
                    path,
                    metrics=facts.metrics,
                    params=facts.params,
                    datasets=facts.datasets,
                    tags={**given, **own_tags(run_link, model_id)},
                    description=description,
                    run_id=run_id or facts.run_id,
                )
        return self._shown(made)

    def get_model_version(self, name: str, version: str | int) -> ModelVersion:
        """Answer a version by its number."""
        with told():
            return self._shown(self._found(name, version))

    def _found(self, name: str, version: str | int) -> Version:
        try:
            return self._registry.resolve(self._version(name, version))
        except NotFound as error:
            msg = f"Model Version (name={name}, version={version}) not found"
            raise refusal(msg, RESOURCE_DOES_NOT_EXIST) from error

    def get_model_version_download_uri(self, name: str, version: str | int) -> str:
        """Answer where the sealed files of a version are."""
        with told():
            return self._place.files_of(name, self._found(name, version).number)

    def update_model_version(
        self, name: str, version: str | int, description: str | None = None
    ) -> ModelVersion:
        """Describe a version."""
        with told():
            self._registry.describe(self._version(name, version), description or "")
        return self.get_model_version(name, version)

    def delete_model_version(self, name: str, version: str | int) -> None:
        """Delete a version; its number is not given out again."""
        with told():
            self._found(name, version)
            self._registry.delete(self._version(name, version))

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[ModelVersion]:
        """Find versions by MLflow's filters: in the database of a server, else in this process.

        The server knows other sources than those that are shown here, so a
        filter by source is applied in this process always.
        """
        search = Search(filter_string, max_results, order_by, page_token)
        with told():
            if (door := self._door) and not search.by_source:
                return door.versions(search)
            return search_versions(self._registry, self._place, search)

    def set_model_version_tag(self, name: str, version: str | int, tag: ModelVersionTag) -> None:
        """Set a tag of a version."""
        with told():
            self._registry.tag(self._version(name, version), {tag.key: tag.value})

    def delete_model_version_tag(self, name: str, version: str | int, key: str) -> None:
        """Remove a tag of a version, if it is there."""
        with told():
            self._registry.tag(self._version(name, version), remove=[key])

    # Stages and aliases

    def transition_model_version_stage(
        self,
        name: str,
        version: str | int,
        stage: str,
        archive_existing_versions: bool,  # noqa: FBT001 - MLflow's signature
    ) -> ModelVersion:
        """Promote a version; the others of its stage are archived, or stay as they are."""
        target = stage_asked(stage)
        if archive_existing_versions and target not in _ACTIVE:
            msg = (
                "Model version transition cannot archive existing model versions because "
                f"'{stage_shown(target)}' is not an Active stage. Valid stages are "
                "['Staging', 'Production']"
            )
            raise refusal(msg, INVALID_PARAMETER_VALUE)
        displace = "archive" if archive_existing_versions else "keep"
        with told():
            self._found(name, version)
            ref = self._version(name, version)
            return self._shown(self._registry.promote(ref, target, displace=displace))

    def get_latest_versions(
        self, name: str, stages: Sequence[str] | None = None
    ) -> list[ModelVersion]:
        """Answer the version with the highest number in each stage."""
        wanted = {stage_asked(stage) for stage in stages or ()}
        with told():
            found = latest_of(self._registry, self._place, self._model(name))
        return [each for stage, each in found.items() if not wanted or stage in wanted]

    def set_registered_model_alias(self, name: str, alias: str, version: str | int) -> None:
        """Point an alias at a version."""
        with told():
            self._found(name, version)
            self._registry.alias(self._model(name), alias, str(version))

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Take an alias away, if it is there."""
        with told():
            if alias.lower() in self.get_registered_model(name).aliases:
                self._registry.remove_alias(self._model(name), alias)

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Answer the version that an alias points at; `latest` is the newest."""
        with told():
            try:
                version = self._registry.resolve(f"{self._model(name)}@{alias}")
            except NotFound:
                version = None
        if version is None or alias.lower() not in {"latest", *version.aliases}:
            msg = f"Registered model alias {alias} not found."
            raise refusal(msg, INVALID_PARAMETER_VALUE)
        return self._shown(version)
