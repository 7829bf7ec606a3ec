"""Writes of experiments, runs and logged models, inside the connection's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Table, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from modelry.core.errors import Conflict
from modelry.core.model import File
from modelry.core.tracking.model import (
    Experiment,
    Link,
    LoggedModel,
    Owner,
    Point,
    Run,
    UsedDataset,
    newer,
)
from modelry.stores.sql import tracking_rows as rows
from modelry.stores.sql.tracking import SqlTrackingView, below
from modelry.stores.sql.tracking_tables import (
    TABLES,
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

# Built once: to build a statement costs more than to run it. What is there stays.
_ADD: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {each.name: sqlite.insert(each).on_conflict_do_nothing() for each in TABLES},
    "postgresql": {each.name: postgresql.insert(each).on_conflict_do_nothing() for each in TABLES},
}


def _upsert(dialect: Any, table: Table) -> Any:  # noqa: ANN401 - a module of SQLAlchemy, a statement
    keys = [column.name for column in table.primary_key.columns]
    statement = dialect.insert(table)
    new = {each.name: statement.excluded[each.name] for each in table.c if each.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=new)


_PUT: Mapping[str, Mapping[str, Any]] = {
    name: {each.name: _upsert(dialect, each) for each in (notes, latest, artifacts)}
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_UPDATE_RUN = update(runs).where(runs.c.id == bindparam("of"))
_UPDATE_MODEL = update(logged_models).where(logged_models.c.id == bindparam("of"))
_STANDING = select(*rows.LATEST_COLUMNS).where(
    latest.c.run_id == bindparam("run"), latest.c.key.in_(bindparam("keys", expanding=True))
)
_INPUTS = select(func.count()).select_from(inputs).where(inputs.c.run_id == bindparam("run"))


class SqlTrackingUnit(SqlTrackingView):
    """The `TrackingLedger` port over one connection in a write transaction."""

    def add_experiment(self, experiment: Experiment) -> None:
        """See `TrackingLedger.add_experiment`."""
        row = {"key": experiment.key, "project": experiment.project, "author": experiment.author,
               "created": experiment.created, **_experiment_fields(experiment)}  # fmt: skip
        self._add_new(experiments, row, f"the experiment {experiment.name!r} exists already")
        self.set_tags(experiment.key, experiment.tags)

    def update_experiment(self, experiment: Experiment) -> None:
        """See `TrackingLedger.update_experiment`."""
        other = self.experiment_named(experiment.project, experiment.name)
        if other is not None and other.key != experiment.key:
            msg = f"the experiment {experiment.name!r} exists already"
            raise Conflict(msg)
        query = update(experiments).where(experiments.c.key == experiment.key)
        self._connection.execute(query, _experiment_fields(experiment))

    def add_run(self, run: Run) -> None:
        """See `TrackingLedger.add_run`."""
        self._add_new(runs, rows.run_row(run), f"the run {run.id} exists already")
        self.add_params(run.id, run.params)
        self.set_tags(run.id, run.tags)
        self.add_datasets(run.id, run.datasets)
        self.add_links(run.id, run.links)

    def update_run(self, run: Run) -> None:
        """See `TrackingLedger.update_run`."""
        self._connection.execute(_UPDATE_RUN, {"of": run.id, **rows.run_fields(run)})

    def add_logged_model(self, model: LoggedModel) -> None:
        """See `TrackingLedger.add_logged_model`."""
        taken = f"the logged model {model.id} exists already"
        self._add_new(logged_models, rows.model_row(model), taken)
        self.add_params(model.id, model.params)
        self.set_tags(model.id, model.tags)

    def update_logged_model(self, model: LoggedModel) -> None:
        """See `TrackingLedger.update_logged_model`."""
        self._connection.execute(_UPDATE_MODEL, {"of": model.id, **rows.model_fields(model)})

    def add_params(self, owner: str, params: Mapping[str, str]) -> None:
        """See `TrackingLedger.add_params`."""
        self._add(notes, (_note(owner, "param", key, params[key]) for key in params))

    def set_tags(self, owner: str, tags: Mapping[str, str]) -> None:
        """See `TrackingLedger.set_tags`."""
        self._put(notes, (_note(owner, "tag", key, tags[key]) for key in tags))

    def drop_tag(self, owner: str, key: str) -> None:
        """See `TrackingLedger.drop_tag`."""
        self._connection.execute(delete(notes).where(
            notes.c.owner == owner, notes.c.kind == "tag", notes.c.key == key))  # fmt: skip

    def add_points(self, run_id: str, points_: Sequence[Point]) -> None:
        """See `TrackingLedger.add_points`."""
        best: dict[str, Point] = {}
        for point in points_:
            if point.key not in best or newer(point, best[point.key]):
                best[point.key] = point
        self._add(points, (rows.point_row(run_id, each) for each in points_))
        self._add(measured, (rows.measured_row(run_id, each) for each in points_ if each.model))
        for row in self._rows(_STANDING, run=run_id, keys=list(best)) if best else ():
            known = rows.point(row)
            if not newer(best[known.key], known):
                del best[known.key]
        self._put(latest, (rows.point_row(run_id, each) for each in best.values()))

    def add_datasets(self, run_id: str, datasets: Sequence[UsedDataset]) -> None:
        """See `TrackingLedger.add_datasets`."""
        if datasets:
            row = self._row(_INPUTS, run=run_id)
            first = int(row[0]) if row else 0
            self._add(inputs, (
                rows.dataset_row(run_id, first + at, each)
                for at, each in enumerate(datasets)))  # fmt: skip

    def add_links(self, run_id: str, links_: Sequence[Link]) -> None:
        """See `TrackingLedger.add_links`."""
        self._add(links, (
            {"run_id": run_id, "kind": each.kind, "model": each.model, "step": each.step}
            for each in links_))  # fmt: skip

    def put_file(self, owner: Owner, file: File) -> None:
        """See `TrackingLedger.put_file`."""
        self._put(artifacts, [{
            "owner": owner.id, "path": file.path, "sha256": file.sha256, "size": file.size,
            "project": owner.project,
        }])  # fmt: skip

    def drop_files(self, owner: str, path: str) -> int:
        """See `TrackingLedger.drop_files`."""
        query = delete(artifacts).where(artifacts.c.owner == owner)
        if path:
            inside = below(path)
            query = query.where(or_(artifacts.c.path == path, inside[0] & inside[1]))
        return self._connection.execute(query).rowcount

    def _add_new(self, table: Table, row: Mapping[str, object], taken: str) -> None:
        statement = self._statement(_ADD, table).execution_options(preserve_rowcount=True)
        if not self._connection.execute(statement, row).rowcount:
            raise Conflict(taken)

    def _add(self, table: Table, given: Iterable[Mapping[str, object]]) -> None:
        self._many(_ADD, table, given)

    def _put(self, table: Table, given: Iterable[Mapping[str, object]]) -> None:
        self._many(_PUT, table, given)

    def _many(
        self,
        how: Mapping[str, Mapping[str, Any]],
        table: Table,
        given: Iterable[Mapping[str, object]],
    ) -> None:
        batch = list(given)
        if batch:
            self._connection.execute(self._statement(how, table), batch)

    def _statement(self, how: Mapping[str, Mapping[str, Any]], table: Table) -> Any:  # noqa: ANN401 - a statement
        return how[self._driver.connection.dialect.name][table.name]


def _note(owner: str, kind: str, key: str, value: str) -> dict[str, object]:
    return {"owner": owner, "kind": kind, "key": key, "value": value}


def _experiment_fields(experiment: Experiment) -> dict[str, object]:
    return {
        "name": experiment.name,
        "updated": experiment.updated,
        "deleted": experiment.deleted,
    }
