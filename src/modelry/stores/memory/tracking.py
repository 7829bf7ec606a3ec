"""Reads and writes of experiments, runs and logged models over `Tables`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from modelry.core.errors import Conflict
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
    newer,
)
from modelry.core.tracking.search import Search
from modelry.stores.memory.tables import Tables
from modelry.stores.memory.tracking_search import found


class MemoryTracking:
    """The `TrackingView` and the `TrackingLedger` port: a view's tables are not written to."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def experiment(self, key: str) -> Experiment | None:
        """See `TrackingView.experiment`."""
        return self._tables.experiments.get(key)

    def experiment_named(self, project: str, name: str) -> Experiment | None:
        """See `TrackingView.experiment_named`."""
        for each in self._tables.experiments.values():
            if (each.project, each.name) == (project, name):
                return each
        return None

    def find_experiments(self, search: Search) -> Sequence[Experiment]:
        """See `TrackingView.find_experiments`."""
        experiments = self._tables.experiments.values()
        return found([each for each in experiments if each.project in search.within], search)

    def run(self, run_id: str) -> Run | None:
        """See `TrackingView.run`."""
        return self._tables.runs.get(run_id)

    def bare_run(self, run_id: str) -> Run | None:
        """See `TrackingView.bare_run`."""
        run = self._tables.runs.get(run_id)
        if run is None:
            return None
        return replace(run, params={}, tags={}, metrics=(), datasets=(), links=())

    def find_runs(self, search: Search) -> Sequence[Run]:
        """See `TrackingView.find_runs`."""
        runs = self._tables.runs.values()
        return found([each for each in runs if each.experiment in search.within], search)

    def logged_model(self, model_id: str) -> LoggedModel | None:
        """See `TrackingView.logged_model`."""
        model = self._tables.logged_models.get(model_id)
        return None if model is None else self._measured(model)

    def _measured(self, model: LoggedModel) -> LoggedModel:
        metrics = [
            (run_id, point)
            for (of, run_id, _), point in self._tables.measured.items()
            if of == model.id
        ]
        metrics.sort(key=lambda each: (each[1].key, each[1].timestamp, each[1].step, each[0]))
        return replace(model, metrics=tuple(metrics))

    def find_logged_models(self, search: Search) -> Sequence[LoggedModel]:
        """See `TrackingView.find_logged_models`."""
        models = self._tables.logged_models.values()
        within = [self._measured(each) for each in models if each.experiment in search.within]
        return found(within, search)

    def history(self, run_id: str, key: str | None, limit: int, skip: int = 0) -> Sequence[Point]:
        """See `TrackingView.history`."""
        points = [
            point
            for (of, _), point in self._tables.points.items()
            if of == run_id and key in {None, point.key}
        ]
        points.sort(key=_in_time)
        return points[skip : skip + limit]

    def datasets(self, experiments: Sequence[str], limit: int) -> Sequence[DatasetSummary]:
        """See `TrackingView.datasets`."""
        summaries = {
            DatasetSummary(
                run.experiment, each.name, each.digest, each.tags.get("mlflow.data.context")
            )
            for run in self._tables.runs.values()
            if run.experiment in experiments and run.deleted is None
            for each in run.datasets
        }
        return sorted(summaries, key=lambda each: (each.experiment, each.name, each.digest))[:limit]

    def file(self, owner: str, path: str) -> File | None:
        """See `TrackingView.file`."""
        kept = self._tables.artifacts.get((owner, path))
        return kept[0] if kept else None

    def files(self, owner: str, folder: str = "") -> Sequence[File]:
        """See `TrackingView.files`."""
        start = f"{folder}/" if folder else ""
        return [
            file
            for (of, path), (file, _) in sorted(self._tables.artifacts.items())
            if of == owner and path.startswith(start)
        ]

    def every_experiment(self) -> Iterator[Experiment]:
        """See `TrackingView.every_experiment`."""
        return (each for _, each in sorted(self._tables.experiments.items()))

    def every_run(self) -> Iterator[Run]:
        """See `TrackingView.every_run`."""
        return (each for _, each in sorted(self._tables.runs.items()))

    def every_logged_model(self) -> Iterator[LoggedModel]:
        """See `TrackingView.every_logged_model`."""
        return (self._measured(each) for _, each in sorted(self._tables.logged_models.items()))

    def add_experiment(self, experiment: Experiment) -> None:
        """See `TrackingLedger.add_experiment`."""
        if experiment.key in self._tables.experiments:
            raise _taken(experiment)
        self.update_experiment(experiment)

    def update_experiment(self, experiment: Experiment) -> None:
        """See `TrackingLedger.update_experiment`."""
        other = self.experiment_named(experiment.project, experiment.name)
        if other is not None and other.key != experiment.key:
            raise _taken(experiment)
        self._tables.experiments[experiment.key] = experiment

    def add_run(self, run: Run) -> None:
        """See `TrackingLedger.add_run`."""
        if run.id in self._tables.runs:
            msg = f"the run {run.id} exists already"
            raise Conflict(msg)
        bare = replace(run, metrics=(), datasets=(), links=(),
                       params=_by_key(run.params), tags=_by_key(run.tags))  # fmt: skip
        self._tables.runs[run.id] = bare
        self.add_datasets(run.id, run.datasets)
        self.add_links(run.id, run.links)

    def update_run(self, run: Run) -> None:
        """See `TrackingLedger.update_run`."""
        kept = self._tables.runs[run.id]
        self._tables.runs[run.id] = replace(
            kept, name=run.name, status=run.status, start=run.start, end=run.end,
            deleted=run.deleted)  # fmt: skip

    def add_logged_model(self, model: LoggedModel) -> None:
        """See `TrackingLedger.add_logged_model`."""
        if model.id in self._tables.logged_models:
            msg = f"the logged model {model.id} exists already"
            raise Conflict(msg)
        self._tables.logged_models[model.id] = replace(
            model, metrics=(), params=_by_key(model.params), tags=_by_key(model.tags)
        )

    def update_logged_model(self, model: LoggedModel) -> None:
        """See `TrackingLedger.update_logged_model`."""
        kept = self._tables.logged_models[model.id]
        self._tables.logged_models[model.id] = replace(
            kept, status=model.status, updated=model.updated, deleted=model.deleted
        )

    def add_params(self, owner: str, params: Mapping[str, str]) -> None:
        """See `TrackingLedger.add_params`."""
        runs, models = self._tables.runs, self._tables.logged_models
        if owner in runs:
            runs[owner] = replace(runs[owner], params=_by_key({**params, **runs[owner].params}))
        else:
            kept = models[owner]
            models[owner] = replace(kept, params=_by_key({**params, **kept.params}))

    def set_tags(self, owner: str, tags: Mapping[str, str]) -> None:
        """See `TrackingLedger.set_tags`."""
        self._retag(owner, tags, None)

    def drop_tag(self, owner: str, key: str) -> None:
        """See `TrackingLedger.drop_tag`."""
        self._retag(owner, {}, key)

    def _retag(self, owner: str, tags: Mapping[str, str], without: str | None) -> None:
        def changed(before: Mapping[str, str]) -> dict[str, str]:
            after = {**before, **tags}
            return _by_key({key: after[key] for key in after if key != without})

        tables = self._tables
        if owner in tables.runs:
            run = tables.runs[owner]
            tables.runs[owner] = replace(run, tags=changed(run.tags))
        elif owner in tables.experiments:
            experiment = tables.experiments[owner]
            tables.experiments[owner] = replace(experiment, tags=changed(experiment.tags))
        else:
            model = tables.logged_models[owner]
            tables.logged_models[owner] = replace(model, tags=changed(model.tags))

    def add_points(self, run_id: str, points: Sequence[Point]) -> None:
        """See `TrackingLedger.add_points`."""
        run = self._tables.runs[run_id]
        standing = {each.key: each for each in run.metrics}
        for given in points:
            point = replace(given, model=None, dataset=None, digest=None)
            self._tables.points.setdefault((run_id, point.place), point)
            if given.model is not None:
                self._tables.measured.setdefault((given.model, run_id, given.place), given)
            known = standing.get(point.key)
            if known is None or newer(point, known):
                standing[point.key] = point
        metrics = tuple(standing[key] for key in sorted(standing))
        self._tables.runs[run_id] = replace(run, metrics=metrics)

    def add_datasets(self, run_id: str, datasets: Sequence[UsedDataset]) -> None:
        """See `TrackingLedger.add_datasets`."""
        run = self._tables.runs[run_id]
        used = {(each.name, each.digest): each for each in run.datasets}
        for each in datasets:
            used.setdefault((each.name, each.digest), each)
        self._tables.runs[run_id] = replace(run, datasets=tuple(used.values()))

    def add_links(self, run_id: str, links: Sequence[Link]) -> None:
        """See `TrackingLedger.add_links`."""
        run = self._tables.runs[run_id]
        every = sorted({*run.links, *links}, key=lambda each: (each.kind, each.model, each.step))
        self._tables.runs[run_id] = replace(run, links=tuple(every))

    def put_file(self, owner: Owner, file: File) -> None:
        """See `TrackingLedger.put_file`."""
        self._tables.artifacts[owner.id, file.path] = (file, owner.project)

    def drop_files(self, owner: str, path: str) -> int:
        """See `TrackingLedger.drop_files`."""
        inside = f"{path}/" if path else ""
        gone = [
            key
            for key in self._tables.artifacts
            if key[0] == owner and (key[1] == path or key[1].startswith(inside))
        ]
        for key in gone:
            del self._tables.artifacts[key]
        return len(gone)


def _by_key(given: Mapping[str, str]) -> dict[str, str]:
    return {key: given[key] for key in sorted(given)}


def _taken(experiment: Experiment) -> Conflict:
    msg = f"the experiment {experiment.name!r} exists already"
    return Conflict(msg)


def _in_time(point: Point) -> tuple[str, int, int, bool, float]:
    key, step, timestamp, value, missing = point.place
    return key, timestamp, step, missing, value
