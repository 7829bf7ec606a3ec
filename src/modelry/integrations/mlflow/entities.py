"""Our nouns as MLflow's: models, versions, stages; times in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlflow.entities.model_registry import (
    ModelVersion,
    ModelVersionTag,
    RegisteredModel,
    RegisteredModelAlias,
    RegisteredModelTag,
)
from mlflow.entities.model_registry.model_version_stages import ALL_STAGES, get_canonical_stage

from modelry.core.model import ModelSummary, Version
from modelry.integrations.mlflow.address import Place

OWN = "modelry."
"""Tags that begin so carry what MLflow has fields for, here and at the server's MLflow door."""
MODEL_ID = f"{OWN}model_id"
RUN_LINK = f"{OWN}run_link"


def version_entity(place: Place, version: Version) -> ModelVersion:
    """Answer a version as MLflow shows it."""
    tags = version.tags
    return ModelVersion(
        name=version.name,
        version=str(version.number),
        creation_timestamp=version.created // 1000,
        last_updated_timestamp=version.created // 1000,
        description=version.description,
        user_id=version.author,
        current_stage=stage_shown(version.stage),
        source=place.files_of(version.name, version.number),
        run_id=version.run_id or "",
        tags=[ModelVersionTag(*tag) for tag in sorted(tags.items()) if not tag[0].startswith(OWN)],
        run_link=tags.get(RUN_LINK, ""),
        aliases=list(version.aliases),
        model_id=tags.get(MODEL_ID),
    )


def model_entity(summary: ModelSummary, latest: Sequence[ModelVersion]) -> RegisteredModel:
    """Answer a model as MLflow shows it, with the latest version of each stage."""
    model = summary.model
    return RegisteredModel(
        name=model.name,
        creation_timestamp=model.created // 1000,
        last_updated_timestamp=model.updated // 1000,
        description=model.description,
        latest_versions=list(latest),
        tags=[
            RegisteredModelTag(*tag)
            for tag in sorted(model.tags.items())
            if not tag[0].startswith(OWN)
        ],
        aliases=[
            RegisteredModelAlias(pointer.name, str(pointer.number))
            for pointer in summary.pointers
            if pointer.kind == "alias"
        ],
    )


def own_tags(run_link: str | None, model_id: str | None) -> Mapping[str, str]:
    """Answer the tags that keep what MLflow knows of a version and we have no field for."""
    given = {RUN_LINK: run_link, MODEL_ID: model_id}
    return {key: value for key, value in given.items() if value}


def stage_shown(stage: str) -> str:
    """Answer a stage as MLflow writes it; one that it does not know as it is called here."""
    return next((known for known in ALL_STAGES if known.lower() == stage), stage)


def stage_asked(stage: str) -> str:
    """Answer one of MLflow's stages as we write it. Raises `MlflowException` for any other."""
    canonical: str = get_canonical_stage(stage)
    return canonical.lower()
