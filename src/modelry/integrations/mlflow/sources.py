"""What a new version is made from: its files on this machine, and what its run knows of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar
from urllib.parse import urlsplit

from mlflow.artifacts import download_artifacts
from mlflow.entities import LoggedModel, Run
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import PROMPT_TEXT_TAG_KEY
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository
from mlflow.tracking._tracking_service.client import TrackingServiceClient
from mlflow.tracking._tracking_service.utils import get_tracking_uri
from mlflow.utils.file_utils import local_file_uri_to_path

from modelry.core.errors import Invalid
from modelry.core.model import Dataset
from modelry.core.names import check_key
from modelry.core.repository import RegistryRepository
from modelry.integrations.mlflow.address import Place

T = TypeVar("T")
_LOCAL = frozenset({"", "file"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run, or the version that is copied, says of a model."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, object] = field(default_factory=dict)
    datasets: tuple[Dataset, ...] = ()
    run_id: str | None = None


@contextmanager
def files_of_source(
    registry: RegistryRepository, place: Place, source: str, tracking_uri: str | None
) -> Iterator[Path]:
    """Bring what `source` names to this machine; a folder that was made for it goes again.

    A path or `file:` is taken where it is; of `models:/name/3` the files of
    that version; anything else comes by MLflow's own download.
    """
    ref = ref_of(place, source)
    if ref is not None:
        yield registry.use(ref)
        return
    if urlsplit(source).scheme in _LOCAL:
        yield Path(local_file_uri_to_path(source))
        return
    with TemporaryDirectory(prefix="modelry-mlflow-") as folder:
        yield Path(download_artifacts(source, dst_path=folder, tracking_uri=tracking_uri))


@contextmanager
def prompt_file(tags: Mapping[str, str]) -> Iterator[Path]:
    """Write the text of a prompt to a file, which is what is sealed of it."""
    with TemporaryDirectory(prefix="modelry-mlflow-") as folder:
        path = Path(folder) / "prompt.txt"
        path.write_text(tags.get(PROMPT_TEXT_TAG_KEY, ""), encoding="utf-8")
        yield path


def ref_of(place: Place, source: str) -> str | None:
    """Answer the version that `models:/name/3` names, None where `source` is something else."""
    if not ModelsArtifactRepository.is_models_uri(source):
        return None
    if ModelsArtifactRepository._is_logged_model_uri(source):  # noqa: SLF001 - MLflow's stores ask so
        return None
    path = source.removeprefix("models:/")
    return f"models:/{place.project}/{path}"


def facts_of(
    registry: RegistryRepository,
    ref: str | None,
    run_id: str | None,
    model_id: str | None,
    tracking_uri: str | None,
) -> Facts:
    """Answer what a version that is copied says of itself, or else what its run says.

    A logged model tells its run, where nobody else does. What is not on the
    tracking server says nothing.
    """
    if ref is not None:
        version = registry.resolve(ref)
        return Facts(version.metrics, version.params, version.datasets, version.run_id)
    tracking = TrackingServiceClient(tracking_uri or get_tracking_uri())
    if model_id and not run_id:
        model: LoggedModel | None = _known(lambda: tracking.get_logged_model(model_id))
        run_id = model.source_run_id if model else None
    run: Run | None = _known(lambda: tracking.get_run(run_id)) if run_id else None
    return Facts(run_id=run_id) if run is None else _told_by(run)


def _known(ask: Callable[[], T]) -> T | None:
    """Answer what is asked for, None where there is no such thing."""
    try:
        return ask()
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            raise
        return None


def _told_by(run: Run) -> Facts:
    inputs = run.inputs.dataset_inputs if run.inputs else []
    datasets = [Dataset(each.dataset.name, each.dataset.digest) for each in inputs]
    metrics = {key: value for key, value in run.data.metrics.items() if math.isfinite(value)}
    params = _sayable(run.data.params)
    return Facts(_sayable(metrics), params, tuple(dict.fromkeys(datasets)), run.info.run_id)


def _sayable(given: Mapping[str, T]) -> dict[str, T]:
    """Leave out what has a name that no metric or parameter can have here."""
    return {name: value for name, value in given.items() if _is_key(name)}


def _is_key(name: str) -> bool:
    try:
        check_key(name, "metric")
    except Invalid:
        return False
    return True
