"""What a store keeps of experiments and runs, beside the models.

A store that keeps none says so by `tracking = None` in its views.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from modelry.core.model import File
from modelry.core.tracking.model import (
    DatasetSummary,
    Experiment,
    Link,
    LoggedModel,
    Owner,
    Point,
    Run,
    UsedDataset,
)
from modelry.core.tracking.search import Search


class TrackingView(Protocol):
    """The part of a look that is about experiments, runs and logged models, deleted ones too."""

    def experiment(self, key: str) -> Experiment | None:
        """Answer the experiment that is kept under `key`."""
        ...

    def experiment_named(self, project: str, name: str) -> Experiment | None:
        """Answer the experiment of a project that has this very name."""
        ...

    def find_experiments(self, search: Search) -> Sequence[Experiment]:
        """Answer experiments of the projects that `search.within` names.

        In the order asked for, then the latest made first, then by key.
        """
        ...

    def run(self, run_id: str) -> Run | None:
        """Answer a run with all that is known of it."""
        ...

    def bare_run(self, run_id: str) -> Run | None:
        """Answer a run without its parameters, tags, metrics, data sets and links: one look."""
        ...

    def find_runs(self, search: Search) -> Sequence[Run]:
        """Answer runs of the experiments that `search.within` names, whole.

        In the order asked for, then the latest start first, then by id. Where
        it is sorted by a metric that is NaN somewhere, that run comes after
        all others that have the metric.
        """
        ...

    def logged_model(self, model_id: str) -> LoggedModel | None:
        """Answer a logged model with all that is known of it."""
        ...

    def find_logged_models(self, search: Search) -> Sequence[LoggedModel]:
        """Answer logged models of the experiments that `search.within` names.

        In the order asked for, then the latest made first, then by id. Sorted
        by a metric, the point of the latest time and then the highest step counts.
        """
        ...

    def history(self, run_id: str, key: str | None, limit: int, skip: int = 0) -> Sequence[Point]:
        """Answer what a run measured of one metric, or of all (None), from point `skip` on.

        In the order of key, time, step and value; NaN comes after the same time and step.
        """
        ...

    def datasets(self, experiments: Sequence[str], limit: int) -> Sequence[DatasetSummary]:
        """Answer each data set that living runs of these experiments read, once by context."""
        ...

    def file(self, owner: str, path: str) -> File | None:
        """Answer an artefact of a run or a logged model."""
        ...

    def files(self, owner: str, folder: str = "") -> Sequence[File]:
        """Answer the artefacts of a run or a logged model below a folder, sorted by path."""
        ...

    def every_experiment(self) -> Iterator[Experiment]:
        """Answer all experiments, by key."""
        ...

    def every_run(self) -> Iterator[Run]:
        """Answer all runs, by id."""
        ...

    def every_logged_model(self) -> Iterator[LoggedModel]:
        """Answer all logged models, by id."""
        ...


class TrackingLedger(TrackingView, Protocol):
    """What a change may write of experiments, runs and logged models."""

    def add_experiment(self, experiment: Experiment) -> None:
        """Keep a new experiment. Raises `Conflict` where its key or its name is taken."""
        ...

    def update_experiment(self, experiment: Experiment) -> None:
        """Keep the name, the time of change and the deletion of an experiment.

        Raises `Conflict` where another one of the project has the name.
        """
        ...

    def add_run(self, run: Run) -> None:
        """Keep a new run with its parameters, tags, data sets and links; not its metrics.

        Raises `Conflict` where its id is taken.
        """
        ...

    def update_run(self, run: Run) -> None:
        """Keep the name, the status, start and end, and the deletion of a run."""
        ...

    def add_logged_model(self, model: LoggedModel) -> None:
        """Keep a new logged model with its parameters and tags; not its metrics.

        Raises `Conflict` where its id is taken.
        """
        ...

    def update_logged_model(self, model: LoggedModel) -> None:
        """Keep the status, the time of change and the deletion of a logged model."""
        ...

    def add_params(self, owner: str, params: Mapping[str, str]) -> None:
        """Keep parameters of a run or a logged model that it does not have yet."""
        ...

    def set_tags(self, owner: str, tags: Mapping[str, str]) -> None:
        """Set tags of an experiment (by key), a run or a logged model, in place of their values."""
        ...

    def drop_tag(self, owner: str, key: str) -> None:
        """Take a tag away, if it is there."""
        ...

    def add_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Keep measurements. One that is there already (`Point.place`) is passed over.

        `Run.metrics` then holds the newest of each metric, by `newer`. What
        was measured of a logged model is kept with the model too; there alone
        the points tell of which model they are and on which data.
        """
        ...

    def add_datasets(self, run_id: str, datasets: Sequence[UsedDataset]) -> None:
        """Keep what a run read; a data set that is there, by name and digest, stays as it is."""
        ...

    def add_links(self, run_id: str, links: Sequence[Link]) -> None:
        """Keep which logged models a run read or made; one that is there stays as it is."""
        ...

    def put_file(self, owner: Owner, file: File) -> None:
        """Name a blob as an artefact, in place of what was at its path."""
        ...

    def drop_files(self, owner: str, path: str) -> int:
        """Forget the artefact at a path, or all below it (all: empty); answer how many that were.

        Their blobs are named by them no longer.
        """
        ...
