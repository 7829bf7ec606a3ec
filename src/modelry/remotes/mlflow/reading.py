"""MLflow's entities as our nouns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress

from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion, RegisteredModel

from modelry.core.model import (
    Dataset,
    Model,
    ModelSummary,
    Number,
    Pointer,
    Version,
)
from modelry.core.strict_json import Json, dumps
from modelry.remotes.mlflow.sealed import Sealed, unseal

_MILLI = 1000
POINTED = ("staging", "production")


def version_of(found: ModelVersion, run: Run | None, aliases: Mapping[str, str | int]) -> Version:
    """Answer a version as MLflow knows it, with the metrics and parameters of its run.

    A version that Modelry did not register there has no digest and no list of
    files: MLflow knows neither.
    """
    number = int(found.version)
    sealed = sealed_of(found, run)
    data = run.data if run is not None else None
    return Version(
        id=0,
        project="default",
        name=found.name,
        number=number,
        version=sealed.version or str(number),
        stage=(found.current_stage or "none").lower(),
        aliases=tuple(sorted(name for name, of in aliases.items() if int(of) == number)),
        digest=sealed.digest,
        kind=sealed.kind,
        files=sealed.files,
        size=sealed.size,
        metrics=_metrics(found, data.metrics if data else {}, sealed),
        params=_params(found, data.params if data else {}, sealed),
        tags={**sealed.tags, **found.tags},
        datasets=_datasets(run, sealed),
        description=found.description or "",
        findings=None,
        source=found.source or "",
        run_id=sealed.run_id or found.run_id or None,
        base=sealed.base,
        commit=None,
        environment="",
        author=found.user_id or (run.info.user_id if run is not None else "") or "",
        created=int(found.creation_timestamp) * _MILLI,
    )


def sealed_of(found: ModelVersion, run: Run | None) -> Sealed:
    """Answer what the version's run tells of it beside."""
    folder = (found.source or "").rstrip("/").rpartition("/")[2]
    return unseal(run.data.tags, folder) if run is not None else Sealed()


def _metrics(found: ModelVersion, of_run: Mapping[str, float], sealed: Sealed) -> dict[str, Number]:
    told: dict[str, Number] = dict(of_run)
    told.update({each.key: each.value for each in found.metrics or ()})
    for name, value in sealed.metrics.items():
        if told.get(name) == value:
            told[name] = value  # MLflow makes every number a float
    return told


def _params(found: ModelVersion, of_run: Mapping[str, str], sealed: Sealed) -> dict[str, Json]:
    told: dict[str, Json] = dict(of_run)
    told.update({each.key: each.value for each in found.params or ()})
    for name, value in sealed.params.items():
        if told.get(name) == dumps(value):
            told[name] = value  # MLflow makes every value a text
    return told


def _datasets(run: Run | None, sealed: Sealed) -> tuple[Dataset, ...]:
    if sealed.datasets or run is None or run.inputs is None:
        return sealed.datasets
    return tuple(
        Dataset(each.dataset.name, each.dataset.digest or None, _place(each.dataset.source))
        for each in run.inputs.dataset_inputs
    )


def _place(source: str | None) -> str | None:
    """Answer the address in a data set's source, which mostly is JSON with a uri or a url."""
    with suppress(ValueError, TypeError):
        told = json.loads(source or "")
        if isinstance(told, dict):
            return next((str(told[key]) for key in ("uri", "url", "path") if key in told), source)
    return source or None


def model_of(found: RegisteredModel, last: int) -> Model:
    """Answer a model as MLflow knows it; who made it, MLflow does not."""
    return Model(
        id=0,
        project="default",
        name=found.name,
        description=found.description or "",
        tags=dict(found.tags),
        last_number=last,
        author="",
        created=int(found.creation_timestamp or 0) * _MILLI,
        updated=int(found.last_updated_timestamp or 0) * _MILLI,
    )


def summary_of(found: RegisteredModel, versions: Sequence[ModelVersion]) -> ModelSummary:
    """Answer a model with its pointers: aliases, and the newest version of each stage."""
    numbers = [int(each.version) for each in versions]
    pointers = [Pointer(name, "alias", int(of), 0, 0) for name, of in found.aliases.items()]
    for stage in POINTED:
        members = [int(each.version) for each in versions
                   if (each.current_stage or "").lower() == stage]  # fmt: skip
        if members:
            pointers.append(Pointer(stage, "stage", max(members), 0, 0))
    ordered = tuple(sorted(pointers, key=lambda pointer: pointer.name))
    return ModelSummary(model_of(found, max(numbers, default=0)), len(numbers), ordered)
