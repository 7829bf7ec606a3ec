"""Experiments, runs, logged models and artefacts, as a caller of one project sees them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from modelry.core.draft import Draft
from modelry.core.model import File
from modelry.core.tracking.model import (
    DatasetSummary,
    Experiment,
    Link,
    LoggedModel,
    ModelStatus,
    Point,
    Run,
    Status,
    UsedDataset,
)
from modelry.core.tracking.search import Search
from modelry.core.verbs import artifacts, experiments, from_run, logged_models, logging_runs, runs
from modelry.core.verbs.artifacts import Entry
from modelry.core.verbs.logged_models import Saving
from modelry.core.verbs.logging_runs import Batch
from modelry.core.verbs.runs import Beginning
from modelry.core.verbs.tracked import experiment_of, model_of, run_of
from modelry.core.verbs.world import World


class Tracking:
    """The verbs about what happens before a version; each asks whether its actor may.

    Experiments are named and searched in one project, which also owns the
    experiment `0`. Ids reach whatever the actor may read, and what is of
    another project is `NotFound` in the words for what is absent.
    """

    def __init__(self, world: World, project: str) -> None:
        self._world = world
        self._project = project

    # Experiments

    def create_experiment(self, name: str, tags: Mapping[str, str]) -> Experiment:
        """Make an experiment. Raises `Conflict` where the name is taken."""
        return experiments.create(self._world, self._project, name, tags)

    def experiment(self, experiment_id: str) -> Experiment:
        """Answer an experiment, a deleted one too."""
        return experiment_of(self._world, self._project, experiment_id)

    def experiment_named(self, name: str) -> Experiment:
        """Answer the experiment of this name, a deleted one too."""
        return experiments.named(self._world, self._project, name)

    def find_experiments(self, wanted: Search) -> Sequence[Experiment]:
        """Answer the experiments that a search finds; its `within` counts for nothing."""
        return experiments.search(self._world, self._project, wanted)

    def rename_experiment(self, experiment_id: str, name: str) -> None:
        """Give an experiment another name."""
        experiments.rename(self._world, self._project, experiment_id, name)

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark an experiment and its runs as deleted."""
        experiments.delete(self._world, self._project, experiment_id)

    def restore_experiment(self, experiment_id: str) -> None:
        """Bring a deleted experiment back, with the runs that went with it."""
        experiments.restore(self._world, self._project, experiment_id)

    def tag_experiment(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of an experiment."""
        experiments.set_tags(self._world, self._project, experiment_id, tags)

    def untag_experiment(self, experiment_id: str, key: str) -> None:
        """Take a tag of an experiment away."""
        experiments.delete_tag(self._world, self._project, experiment_id, key)

    def datasets(self, experiment_ids: Collection[str]) -> Sequence[DatasetSummary]:
        """Answer which data sets the runs of some experiments read."""
        return experiments.datasets(self._world, self._project, experiment_ids)

    # Runs

    def create_run(self, begun: Beginning) -> Run:
        """Begin a run."""
        return runs.create(self._world, self._project, begun)

    def run(self, run_id: str) -> Run:
        """Answer a run with its parameters, tags, data sets, and where its metrics stand."""
        return run_of(self._world, run_id)

    def find_runs(self, experiment_ids: Collection[str], wanted: Search) -> Sequence[Run]:
        """Answer the runs that a search finds; its `within` counts for nothing."""
        return runs.search(self._world, self._project, experiment_ids, wanted)

    def update_run(
        self, run_id: str, *, status: Status | None = None, end: int | None = None, name: str = ""
    ) -> Run:
        """Change how a run stands, when it ended (milliseconds), what it is called."""
        return runs.update(self._world, run_id, status=status, end=end, name=name)

    def delete_run(self, run_id: str) -> None:
        """Mark a run as deleted."""
        runs.delete(self._world, run_id)

    def restore_run(self, run_id: str) -> None:
        """Bring a deleted run back."""
        runs.restore(self._world, run_id)

    def log(self, run_id: str, batch: Batch) -> None:
        """Keep measurements, parameters and tags of a run, all or nothing."""
        logging_runs.log(self._world, run_id, batch)

    def untag_run(self, run_id: str, key: str) -> None:
        """Take a tag of a run away."""
        logging_runs.delete_tag(self._world, run_id, key)

    def relate(
        self, run_id: str, datasets: Sequence[UsedDataset] = (), links: Sequence[Link] = ()
    ) -> None:
        """Keep what a run read, and which logged models it read or made."""
        logging_runs.relate(self._world, run_id, datasets, links)

    def history(self, run_id: str, key: str, limit: int, skip: int = 0) -> Sequence[Point]:
        """Answer what a run measured of one metric, in the order of time."""
        return logging_runs.history(self._world, run_id, key, limit, skip)

    # Logged models

    def create_logged_model(self, saving: Saving) -> LoggedModel:
        """Make a logged model whose files are to come."""
        return logged_models.create(self._world, self._project, saving)

    def logged_model(self, model_id: str) -> LoggedModel:
        """Answer a logged model."""
        return model_of(self._world, model_id)

    def find_logged_models(
        self, experiment_ids: Collection[str], wanted: Search
    ) -> Sequence[LoggedModel]:
        """Answer the logged models that a search finds; its `within` counts for nothing."""
        return logged_models.search(self._world, self._project, experiment_ids, wanted)

    def finalize_logged_model(self, model_id: str, status: ModelStatus) -> LoggedModel:
        """Say that the files of a logged model are there, or failed to come."""
        return logged_models.finalize(self._world, model_id, status)

    def delete_logged_model(self, model_id: str) -> None:
        """Mark a logged model as deleted."""
        logged_models.delete(self._world, model_id)

    def tag_logged_model(self, model_id: str, tags: Mapping[str, str]) -> LoggedModel:
        """Set tags of a logged model."""
        return logged_models.set_tags(self._world, model_id, tags)

    def untag_logged_model(self, model_id: str, key: str) -> None:
        """Take a tag of a logged model away."""
        logged_models.delete_tag(self._world, model_id, key)

    def add_model_params(self, model_id: str, params: Sequence[tuple[str, str]]) -> None:
        """Keep parameters of a logged model."""
        logged_models.add_params(self._world, model_id, params)

    # Artefacts, by their place: `EXPERIMENT/RUN/artifacts/...` or `EXPERIMENT/models/MODEL/...`

    def artifact(self, place: str) -> File:
        """Answer the artefact at a place."""
        return artifacts.find(self._world, place)

    def artifacts(self, place: str) -> tuple[Entry, ...]:
        """Answer what is in a folder of artefacts."""
        return artifacts.entries(self._world, place)

    def stored_files(self, place: str) -> tuple[File, ...]:
        """Answer every file below a place, by its path from there; of a file itself, its name."""
        return artifacts.stored_files(self._world, place)

    def may_put(self, place: str) -> None:
        """Raise where this caller cannot put an artefact there, before any byte is sent."""
        artifacts.may_put(self._world, place)

    def put_artifact(self, place: str, file: File) -> None:
        """Name a blob that is here and held as the artefact at a place."""
        artifacts.put(self._world, place, file)

    def delete_artifacts(self, place: str) -> int:
        """Forget an artefact, or all in a folder; answer how many that were."""
        return artifacts.delete(self._world, place)

    # What a version takes over

    def with_run(self, draft: Draft, run_id: str) -> Draft:
        """Answer a draft with the parameters, finite metrics and data sets of a run."""
        return from_run.with_run(self._world, draft, run_id)
