"""Registering at MLflow: a run that holds the files and the facts, then the version."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import DatasetInput, Metric, Param, Run, RunTag
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.utils.uri import validate_path_is_safe

from modelry.blobs.tree import LocalSource
from modelry.core.draft import Draft
from modelry.core.errors import Conflict, NotFound, Unsupported
from modelry.core.model import Dataset, File
from modelry.core.names import label_number
from modelry.core.strict_json import dumps
from modelry.remotes.mlflow.sealed import KEY, OURS, seal
from modelry.remotes.mlflow.store import Tracking
from modelry.surroundings import LocalSurroundings

EXPERIMENT = "modelry"
"""The experiment of the runs that Modelry makes."""

_BATCH = 100
_DIGEST = 36
"""Characters that MLflow keeps of a data set's digest."""
_GAP = 1000
"""Numbers that are passed over at most to reach one that is asked for."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A version before MLflow has it: its model, its files, and what is said of it."""

    name: str
    source: LocalSource
    files: tuple[File, ...]
    digest: str
    draft: Draft
    base: str | None


def write(tracking: Tracking, parcel: Parcel) -> ModelVersion:
    """Bring the files and the facts into a run, then make the version of it.

    A call that is refused leaves no run of ours behind; a process that is
    killed leaves one, which MLflow shows as running, and no version.
    """
    for file in parcel.files:
        _refuse_name(file.path)
    with _run(tracking, parcel) as run:
        folder = _folder(parcel.digest)
        _send(tracking, run.info.run_id, parcel, folder)
        pass_over(tracking, parcel)
        place = f"{run.info.artifact_uri}/{folder}"
        return _numbered(tracking, parcel, _version(tracking, parcel, run.info.run_id, place))


def _version(tracking: Tracking, parcel: Parcel, run_id: str, place: str) -> ModelVersion:
    """Make the version of files that lie in a run; its model too where it is new."""
    tags = {name: text for name, text in parcel.draft.tags.items() if not name.startswith(OURS)}

    def ask() -> ModelVersion:
        return tracking.ask(
            lambda client: client.create_model_version(
                parcel.name,
                place,
                run_id,
                tags,
                description=parcel.draft.description or None,
                await_creation_for=0,
            )
        )

    try:
        return ask()
    except NotFound:
        make_model(tracking, parcel.name)
        return ask()


def _refuse_name(path: str) -> None:
    """Refuse a file that MLflow would take and not give back."""
    try:
        validate_path_is_safe(path)
    except MlflowException as error:
        msg = f"an MLflow registry cannot hold the file {path!r}: rename it, without '#' and '%'"
        raise Unsupported(msg, path=path) from error


def make_model(tracking: Tracking, name: str) -> bool:
    """Make a model where it is new, and say whether it was."""
    try:
        tracking.registered(name)
    except NotFound:
        try:
            tracking.ask(lambda client: client.create_registered_model(name))
        except Conflict:
            return False  # somebody made it just now
        return True
    return False


def pass_over(tracking: Tracking, parcel: Parcel) -> None:
    """Use up numbers until the next is the one that a whole-number label asks for.

    MLflow gives numbers out one by one; those between are made and deleted.
    Raises `Conflict` where the number was given out already, or is far away.
    """
    wanted = label_number(parcel.draft.version) if parcel.draft.version else None
    if wanted is None:
        return
    name = parcel.name
    newest = tracking.newest(name)
    following = int(newest.version) + 1 if newest else 1
    if wanted < following:
        msg = f"numbers of {name} only rise: the next is {following}, not {wanted}"
        raise Conflict(msg, model=name, next=following)
    if wanted - following > _GAP:
        msg = f"{name} would need {wanted - following} numbers passed over; give a label instead"
        raise Conflict(msg, model=name, next=following)
    if following < wanted:
        make_model(tracking, name)
    while following < wanted:
        made = tracking.ask(
            lambda client: client.create_model_version(
                name, "s3://modelry/passed-over", await_creation_for=0
            )
        )
        following = int(made.version) + 1
        if following <= wanted:
            tracking.ask(lambda client, made=made: client.delete_model_version(name, made.version))  # type: ignore[misc]  # bound now
        else:
            _undo(tracking, made)


def _numbered(tracking: Tracking, parcel: Parcel, made: ModelVersion) -> ModelVersion:
    """Answer what was made where it has the number that was asked for."""
    wanted = label_number(parcel.draft.version) if parcel.draft.version else None
    if wanted is None or int(made.version) == wanted:
        return made
    raise _undo(tracking, made)


def _undo(tracking: Tracking, made: ModelVersion) -> Conflict:
    tracking.ask(lambda client: client.delete_model_version(made.name, made.version))
    msg = f"the next number of {made.name} was taken by somebody else just now; try again"
    return Conflict(msg, model=made.name, number=int(made.version))


def _folder(digest: str) -> str:
    """Name the folder of a version in its run; one run may hold several versions."""
    return f"model-{digest.removeprefix('sha256:')[:16]}"


@contextmanager
def _run(tracking: Tracking, parcel: Parcel) -> Iterator[Run]:
    """Give the run that the caller names, where it is there, else one of its own."""
    given = tracking.run(parcel.draft.run_id) if parcel.draft.run_id else None
    if given is not None:
        yield given
        return
    place = _experiment(tracking)
    tags = {"mlflow.user": LocalSurroundings().author()}
    run = tracking.ask(
        lambda client: client.create_run(place, tags=tags, run_name=f"register {parcel.name}")
    )
    try:
        yield run
    except BaseException:
        tracking.ask(lambda client: client.delete_run(run.info.run_id))
        raise
    tracking.ask(lambda client: client.set_terminated(run.info.run_id, "FINISHED"))


def _experiment(tracking: Tracking) -> str:
    if tracking.experiment is None:
        tracking.experiment = _made_experiment(tracking)
    return tracking.experiment


def _made_experiment(tracking: Tracking) -> str:
    found = tracking.ask(lambda client: client.get_experiment_by_name(EXPERIMENT))
    if found is not None:
        return str(found.experiment_id)
    place: str | None = None
    if tracking.uri.startswith("sqlite:///"):  # the files go beside the database, not anywhere
        folder = Path(tracking.uri.removeprefix("sqlite:///")).absolute().parent
        place = (folder / "artifacts").as_uri()
    try:
        return str(tracking.ask(lambda client: client.create_experiment(EXPERIMENT, place)))
    except Conflict:
        return _made_experiment(tracking)


def _send(tracking: Tracking, run_id: str, parcel: Parcel, folder: str) -> None:
    draft = parcel.draft
    sealed = seal(draft, parcel.digest, parcel.source.kind, parcel.files, parcel.base)
    facts = [
        *(Metric(name, float(value), _now(), 0) for name, value in draft.metrics.items()),
        *(Param(name, value if isinstance(value, str) else dumps(value))
          for name, value in draft.params.items()),
    ]  # fmt: skip
    tags = [RunTag(f"{KEY}{folder}", sealed)]
    for at in range(0, max(len(facts), 1), _BATCH):
        some = facts[at : at + _BATCH]
        metrics = [each for each in some if isinstance(each, Metric)]
        params = [each for each in some if isinstance(each, Param)]
        tracking.ask(
            lambda client, metrics=metrics, params=params: client.log_batch(  # type: ignore[misc]  # bound now
                run_id, metrics, params, tags
            )
        )
    if draft.datasets:
        inputs = [DatasetInput(_dataset(each), []) for each in draft.datasets]
        tracking.ask(lambda client: client.log_inputs(run_id, inputs))
    _send_files(tracking, run_id, parcel.source, folder)


def _send_files(tracking: Tracking, run_id: str, source: LocalSource, folder: str) -> None:
    with tempfile.TemporaryDirectory(prefix="modelry-") as aside:
        for file in source.files:
            path = PurePosixPath(file.path)
            where = Path(file.where)
            if where.name != path.name:  # a link: MLflow takes the name of what it points at
                where = Path(shutil.copyfile(where, Path(aside) / path.name))
            parent = str(PurePosixPath(folder) / path.parent)
            tracking.ask(
                lambda client, where=where, parent=parent: client.log_artifact(  # type: ignore[misc]  # bound now
                    run_id, str(where), parent
                )
            )


def _dataset(given: Dataset) -> MlflowDataset:
    """Answer a data set in MLflow's words: the kind of its place, and the place as JSON."""
    scheme = urlsplit(given.uri or "").scheme
    kind = {"http": "http", "https": "http", "s3": "s3", "gs": "gs"}.get(scheme, "local")
    place = {"url" if kind == "http" else "uri": given.uri or ""}
    digest = (given.digest or "").removeprefix("sha256:")[:_DIGEST] or "unknown"
    return MlflowDataset(given.name, digest, kind, json.dumps(place))


def _now() -> int:
    from modelry.surroundings import SystemClock

    return SystemClock().now() // 1000
