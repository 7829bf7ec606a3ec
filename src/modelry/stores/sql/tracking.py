"""Reads of experiments, runs and logged models, inside the connection's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, Table, bindparam, select

from modelry.core.model import File
from modelry.core.tracking.model import (
    DatasetSummary,
    Experiment,
    LoggedModel,
    Point,
    Run,
)
from modelry.core.tracking.search import Search
from modelry.stores.sql import tracking_rows as rows
from modelry.stores.sql.kept import text_after
from modelry.stores.sql.look import Look
from modelry.stores.sql.tracking_search import EXPERIMENTS, MODELS, RUNS, found
from modelry.stores.sql.tracking_tables import (
    artifacts,
    experiments,
    inputs,
    latest,
    links,
    logged_models,
    measured,
    notes,
    points,
    runs,
)

_BATCH = 200
_BARE_RUN = select(runs).where(runs.c.id == bindparam("run"))
_Notes = Mapping[str, Mapping[str, dict[str, str]]]


class SqlTrackingView(Look):
    """The `TrackingView` port over one connection."""

    def experiment(self, key: str) -> Experiment | None:
        """See `TrackingView.experiment`."""
        return self._one_experiment(select(experiments).where(experiments.c.key == key))

    def experiment_named(self, project: str, name: str) -> Experiment | None:
        """See `TrackingView.experiment_named`."""
        return self._one_experiment(
            select(experiments).where(experiments.c.project == project, experiments.c.name == name)
        )

    def _one_experiment(self, query: Select[Any]) -> Experiment | None:
        return next(iter(self._experiments(query)), None)

    def find_experiments(self, search: Search) -> Sequence[Experiment]:
        """See `TrackingView.find_experiments`."""
        return self._experiments(found(EXPERIMENTS, search, self._sqlite))

    @property
    def _sqlite(self) -> bool:
        return self._driver.connection.dialect.name == "sqlite"

    def _experiments(self, query: Select[Any]) -> Sequence[Experiment]:
        chosen = self._rows(query)
        told = self._notes([row.key for row in chosen])
        return [rows.experiment(row, told[row.key]["tag"]) for row in chosen]

    def run(self, run_id: str) -> Run | None:
        """See `TrackingView.run`."""
        return next(iter(self._runs(select(runs).where(runs.c.id == run_id))), None)

    def bare_run(self, run_id: str) -> Run | None:
        """See `TrackingView.bare_run`."""
        row = self._row(_BARE_RUN, run=run_id)
        return rows.bare_run(row) if row else None

    def find_runs(self, search: Search) -> Sequence[Run]:
        """See `TrackingView.find_runs`."""
        return self._runs(found(RUNS, search, self._sqlite))

    def _runs(self, query: Select[Any]) -> Sequence[Run]:
        chosen = self._rows(query)
        ids = [row.id for row in chosen]
        told = self._notes(ids)
        standing = self._by(latest, latest.c.run_id, ids, rows.LATEST_COLUMNS, latest.c.key)
        read = self._by(inputs, inputs.c.run_id, ids, rows.INPUT_COLUMNS, inputs.c.at)
        linked = self._by(
            links, links.c.run_id, ids, rows.LINK_COLUMNS, links.c.kind, links.c.model
        )
        return [
            replace(
                rows.bare_run(row),
                params=told[row.id]["param"],
                tags=told[row.id]["tag"],
                metrics=tuple(rows.point(each) for each in standing[row.id]),
                datasets=tuple(rows.dataset(each) for each in read[row.id]),
                links=tuple(rows.link(each) for each in linked[row.id]),
            )
            for row in chosen
        ]

    def _notes(self, owners: Sequence[str]) -> _Notes:
        """Answer parameters and tags by owner and kind, each sorted by key."""
        told: defaultdict[str, defaultdict[str, dict[str, str]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        columns = (notes.c.kind, notes.c.key, notes.c.value)
        for owner, each in self._by(notes, notes.c.owner, owners, columns, notes.c.key).items():
            for kind, key, value in each:
                told[owner][kind][key] = value
        return told

    def _by(
        self,
        table: Table,
        owner: Any,  # noqa: ANN401 - a column
        owners: Sequence[str],
        columns: Sequence[Any],
        *order: Any,  # noqa: ANN401 - columns
    ) -> Mapping[str, list[Any]]:
        """Answer rows of a table by their owner, in the order asked for."""
        by: defaultdict[str, list[Any]] = defaultdict(list)
        for start in range(0, len(owners), _BATCH):
            batch = owners[start : start + _BATCH]
            query = select(owner, *columns).select_from(table).where(owner.in_(batch))
            for row in self._rows(query.order_by(owner, *order)):
                by[row[0]].append(row[1:])
        return by

    def logged_model(self, model_id: str) -> LoggedModel | None:
        """See `TrackingView.logged_model`."""
        query = select(logged_models).where(logged_models.c.id == model_id)
        return next(iter(self._models(query)), None)

    def find_logged_models(self, search: Search) -> Sequence[LoggedModel]:
        """See `TrackingView.find_logged_models`."""
        return self._models(found(MODELS, search, self._sqlite))

    def _models(self, query: Select[Any]) -> Sequence[LoggedModel]:
        chosen = self._rows(query)
        ids = [row.id for row in chosen]
        told = self._notes(ids)
        columns = (measured.c.run_id, *rows.MEASURED_COLUMNS)
        order = (measured.c.key, measured.c.timestamp, measured.c.step, measured.c.run_id)
        told_of = self._by(measured, measured.c.model, ids, columns, *order)
        return [
            LoggedModel(
                id=row.id,
                project=row.project,
                experiment=row.experiment,
                name=row.name,
                model_type=row.model_type,
                run_id=row.run_id,
                status=row.status,
                author=row.author,
                created=row.created,
                updated=row.updated,
                deleted=row.deleted,
                params=told[row.id]["param"],
                tags=told[row.id]["tag"],
                metrics=tuple((each[0], rows.point(each[1:])) for each in told_of[row.id]),
            )
            for row in chosen
        ]

    def history(self, run_id: str, key: str | None, limit: int, skip: int = 0) -> Sequence[Point]:
        """See `TrackingView.history`."""
        query = select(*rows.POINT_COLUMNS).where(points.c.run_id == run_id)
        if key is not None:
            query = query.where(points.c.key == key)
        order = (points.c.key, points.c.timestamp, points.c.step, points.c.missing, points.c.value)
        query = query.order_by(*order).limit(limit).offset(skip or None)
        return [rows.point(row) for row in self._rows(query)]

    def datasets(self, experiments: Sequence[str], limit: int) -> Sequence[DatasetSummary]:
        """See `TrackingView.datasets`."""
        columns = (runs.c.experiment, inputs.c.name, inputs.c.digest, inputs.c.context)
        query = select(*columns).join(runs, runs.c.id == inputs.c.run_id)
        query = query.where(runs.c.experiment.in_(experiments), runs.c.deleted.is_(None))
        query = query.distinct().order_by(*columns[:3]).limit(limit)
        return [DatasetSummary(*row) for row in self._rows(query)]

    def file(self, owner: str, path: str) -> File | None:
        """See `TrackingView.file`."""
        query = select(*rows.FILE_COLUMNS).where(artifacts.c.owner == owner)
        row = self._row(query.where(artifacts.c.path == path))
        return rows.file(row) if row else None

    def files(self, owner: str, folder: str = "") -> Sequence[File]:
        """See `TrackingView.files`."""
        query = select(*rows.FILE_COLUMNS).where(artifacts.c.owner == owner, *below(folder))
        return [rows.file(row) for row in self._rows(query.order_by(artifacts.c.path))]

    def every_experiment(self) -> Iterator[Experiment]:
        """See `TrackingView.every_experiment`."""
        for keys in self._batches(experiments.c.key):
            yield from self._experiments(_those(experiments, experiments.c.key, keys))

    def every_run(self) -> Iterator[Run]:
        """See `TrackingView.every_run`."""
        for ids in self._batches(runs.c.id):
            yield from self._runs(_those(runs, runs.c.id, ids))

    def every_logged_model(self) -> Iterator[LoggedModel]:
        """See `TrackingView.every_logged_model`."""
        for ids in self._batches(logged_models.c.id):
            yield from self._models(_those(logged_models, logged_models.c.id, ids))

    def _batches(self, column: Any) -> Iterator[list[str]]:  # noqa: ANN401 - a column
        last = ""
        while batch := self._rows(
            select(column).where(column > last).order_by(column).limit(_BATCH)
        ):
            yield [row[0] for row in batch]
            last = batch[-1][0]


def _those(table: Table, column: Any, keys: Sequence[str]) -> Select[Any]:  # noqa: ANN401 - a column
    return select(table).where(column.in_(keys)).order_by(column)


def below(folder: str) -> list[Any]:
    """Answer the conditions for artefacts that are inside a folder, by the index."""
    if not folder:
        return []
    start = f"{folder}/"
    return [artifacts.c.path >= start, artifacts.c.path < text_after(start)]
