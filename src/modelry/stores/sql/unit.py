"""Writes, inside a transaction that the store begins and commits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, and_, bindparam, delete, insert, select, update

from modelry.core.errors import Conflict
from modelry.core.events import Event, Head, model_chain, project_of
from modelry.core.events import touched as numbers_touched
from modelry.core.lifecycle import Lifecycle, lifecycle_to_json
from modelry.core.model import Model, Move, Pointer, Version
from modelry.core.names import label_key
from modelry.core.query import words
from modelry.core.sealing import document
from modelry.core.strict_json import Json, dumps
from modelry.stores.sql import rows
from modelry.stores.sql.driver import driver
from modelry.stores.sql.statement import Driver, Statement, insert_into
from modelry.stores.sql.tables import (
    MAX_WORD,
    START,
    attributes,
    counts,
    environments,
    events,
    heads,
    holdings,
    kept,
    metrics,
    model_words,
    models,
    moves,
    pointers,
    projects,
    touched,
    version_words,
    versions,
)
from modelry.stores.sql.tracking_unit import SqlTrackingUnit
from modelry.stores.sql.view import SELECT_MODEL, SqlView, lifecycle_in

_BESIDE = Statement(
    select(projects.c.lifecycle, heads.c.seq, heads.c.hash, heads.c.at, *rows.MODEL_COLUMNS)
    .select_from(
        projects.outerjoin(
            models,
            and_(models.c.project == projects.c.name, models.c.name_key == bindparam("name")),
        ).outerjoin(heads, heads.c.chain == bindparam("chain"))
    )
    .where(projects.c.name == bindparam("project"))
)
"""Finds the stages of a project, the head of a model's chain, and the model."""

_TEXT_OF_MODEL = Statement(
    select(models.c.description, models.c.tags).where(models.c.id == bindparam("key"))
)
_STANDING = Statement(
    select(versions.c.stage).where(
        versions.c.model_id == bindparam("key"),
        versions.c.number == bindparam("key_number"),
        versions.c.deleted.is_(None),
    )
)
_TEXT_OF_VERSION = Statement(
    select(
        versions.c.id, versions.c.author, versions.c.label,
        versions.c.format, versions.c.framework,
    ).where(versions.c.model_id == bindparam("key"), versions.c.number == bindparam("key_number"))
)  # fmt: skip
_UPDATE_COUNT = Statement(
    update(counts)
    .where(counts.c.model_id == bindparam("key"), counts.c.stage == bindparam("key_stage"))
    .values(living=counts.c.living + bindparam("by"))
)


@cache
def _update(table: Table, keys: tuple[str, ...], columns: tuple[str, ...]) -> Statement:
    """Answer the statement that fills these columns of the row with these keys, as `key_...`."""
    which = [table.c[name] == bindparam(f"key_{name}") for name in keys]
    return Statement(update(table).where(*which), columns)


@cache
def _delete(table: Table, keys: tuple[str, ...]) -> Statement:
    """Answer the statement that takes away the rows with these keys."""
    return Statement(delete(table).where(*(table.c[name] == bindparam(name) for name in keys)))


class SqlUnit(SqlView):
    """The `Unit` port over one connection in a write transaction, for one change."""

    _find_model = SELECT_MODEL

    def __init__(self, connection: Connection, driver: Driver | None = None) -> None:
        super().__init__(connection, driver)
        self._texts: dict[int, tuple[str, str]] = {}
        self._heads: dict[str, Head] = {}
        self._told_stages: dict[str, str] = {}
        self._told_models: dict[tuple[str, str], Any] = {}
        self._made: dict[tuple[int, int], int] = {}

    def foresee(self, project: str, name: str) -> None:
        """See `Unit.foresee`: what each change of a model asks is one question."""
        chain = model_chain(project, name)
        row = self._row(_BESIDE, project=project, name=name.lower(), chain=chain)
        if row is None:
            return
        self._told_stages[project], seq, digest, at, *model = row
        self._told_models[project, name.lower()] = model
        if seq is not None:
            self._heads[chain] = Head(chain, seq, digest, at)

    def lifecycle(self, project: str) -> Lifecycle | None:
        """See `View.lifecycle`."""
        text = self._told_stages.pop(project, None)
        return super().lifecycle(project) if text is None else lifecycle_in(text)

    def head(self, chain: str) -> Head | None:
        """See `View.head`; nobody else moves it before the end."""
        if chain not in self._heads:
            head = super().head(chain)
            if head is None:
                return None
            self._heads[chain] = head
        return self._heads[chain]

    def model(self, project: str, name: str) -> Model | None:
        """See `View.model`; remembers the words of the model, which an update compares."""
        row = self._told_models.pop((project, name.lower()), None)
        if row is None:
            row = self._row(self._find_model, project=project, name=name.lower())
        if row is None or row[0] is None:
            return None
        number, _, _, description, tags, *_ = row
        self._texts[number] = (description, tags)
        return rows.model(row)

    @property
    def tracking(self) -> SqlTrackingUnit:
        """See `Unit.tracking`."""
        return SqlTrackingUnit(self._driver.connection, self._driver)

    def add_model(self, model: Model) -> Model:
        """See `Ledger.add_model`."""
        self._told_models.clear()
        taken = f"the model {model.full_name} exists already"
        number = self._insert(models, {**_model_row(model), "project": model.project,
            "name": model.name, "name_key": model.name.lower(), "author": model.author,
            "created": model.created, "uid": model.uid}, taken)  # fmt: skip
        added = replace(model, id=number)
        self._add_model_words(added)
        return added

    def update_model(self, model: Model) -> None:
        """See `Fold.update_model`."""
        self._told_models.clear()
        before = self._texts.get(model.id) or self._row(_TEXT_OF_MODEL, key=model.id)
        row = _model_row(model)
        self._update(models, {"id": model.id}, row)
        if before is None or tuple(before) != (row["description"], row["tags"]):
            self._texts.pop(model.id, None)
            self._delete(model_words, model_id=model.id)
            self._add_model_words(model)

    def add_version(self, model: Model, version: Version, sealed: str | None = None) -> Version:
        """See `Ledger.add_version`."""
        taken = f"{model.full_name} has a version {version.number} or {version.version!r} already"
        row = _version_row(model, version, sealed or document(version))
        added = replace(version, id=self._insert(versions, row, taken))
        self._made[model.id, version.number] = version.created
        if version.metrics:
            self._many(metrics, (
                {"version_id": added.id, "name": name, "value": float(value)}
                for name, value in version.metrics.items()))  # fmt: skip
        if version.params:
            self._many(attributes, (
                _attribute(added.id, "param", name, value)
                for name, value in version.params.items()))  # fmt: skip
        if version.datasets:
            self._many(attributes, (
                _attribute(added.id, "dataset", dataset.name, dataset.digest or "")
                for dataset in version.datasets))  # fmt: skip
        if version.files:
            sizes = {file.sha256: file.size for file in version.files}
            self._many(holdings, (
                {"sha256": sha256, "version_id": added.id, "size": size}
                for sha256, size in sizes.items()))  # fmt: skip
        self._index_text(added.id, version.tags, version.description, _fixed_words(version))
        if version.deleted is None:
            self._count(model, version.stage, 1)
        return added

    def relabel(self, model: Model, number: int, stage: str, seq: int) -> None:
        """See `Fold.relabel`."""
        before = self._row(_STANDING, key=model.id, key_number=number)
        self._update_version(model, number, {"stage": stage, "entered": seq})
        if before is not None and before[0] != stage:
            self._count(model, before[0], -1)
            self._count(model, stage, 1)

    def describe(
        self, model: Model, number: int, tags: Mapping[str, str], description: str
    ) -> None:
        """See `Fold.describe`."""
        self._update_version(model, number, {"tags": dumps(tags), "description": description})
        row = self._row(_TEXT_OF_VERSION, key=model.id, key_number=number)
        if row is not None:
            self._delete(attributes, version_id=row[0], kind="tag")
            self._delete(version_words, version_id=row[0])
            self._index_text(row[0], tags, description, [text for text in row[1:] if text])

    def bury(self, model: Model, number: int, at: int) -> None:
        """See `Fold.bury`."""
        before = self._row(_STANDING, key=model.id, key_number=number)
        self._update_version(model, number, {"deleted": at})
        if before is not None:
            self._count(model, before[0], -1)

    def purge(self, model: Model, number: int, at: int) -> None:
        """See `Fold.purge`."""
        self._update_version(model, number, {"purged": at})
        self._connection.execute(delete(holdings).where(holdings.c.version_id == select(
            versions.c.id).where(versions.c.model_id == model.id, versions.c.number == number
        ).scalar_subquery()))  # fmt: skip

    def stamp(self, model: Model, numbers: Collection[int], at: int) -> None:
        """See `Fold.stamp`; what this change made at that moment says so already."""
        new = [number for number in sorted(numbers) if self._made.get((model.id, number)) != at]
        for number in new:
            self._update_version(model, number, {"changed": at})
            self._made.pop((model.id, number), None)

    def point(self, model: Model, pointer: Pointer) -> None:
        """See `Fold.point`."""
        row = {"kind": pointer.kind, "number": pointer.number,
               "entry": pointer.entry, "since": pointer.since}  # fmt: skip
        self._put(pointers, {"model_id": model.id, "name": pointer.name}, row)

    def unpoint(self, model: Model, name: str) -> None:
        """See `Fold.unpoint`."""
        self._delete(pointers, model_id=model.id, name=name)

    def add_move(self, model: Model, move: Move) -> None:
        """See `Fold.add_move`."""
        self._add(moves, {
            "model_id": model.id, "name": move.name, "seq": move.seq, "kind": move.kind,
            "number": move.number, "entry": move.entry, "below": move.below, "at": move.at,
        })  # fmt: skip

    def set_lifecycle(self, project: str, lifecycle: Lifecycle, at: int) -> None:
        """See `Ledger.set_lifecycle`."""
        self._told_stages.clear()
        text = dumps(lifecycle_to_json(lifecycle))
        changed = self._connection.execute(
            update(projects).where(projects.c.name == project), {"lifecycle": text}
        )
        if not changed.rowcount:
            self._connection.execute(
                insert(projects), {"name": project, "lifecycle": text, "created": at}
            )

    def append(self, event: Event) -> None:
        """See `Ledger.append`."""
        self._add_once(events, {
            "chain": event.chain, "seq": event.seq, "kind": str(event.kind),
            "actor": event.actor, "at": event.at, "number": event.number,
            "body": dumps(event.body), "prev": event.prev, "hash": event.hash,
            "project": project_of(event.chain),
        }, f"the record {event.chain}#{event.seq} exists already")  # fmt: skip
        self._many(touched, (
            {"chain": event.chain, "number": number, "seq": event.seq}
            for number in sorted(numbers_touched(event))))  # fmt: skip
        row = {"seq": event.seq, "hash": event.hash, "at": event.at}
        self._put(heads, {"chain": event.chain}, row)
        self._heads[event.chain] = Head(event.chain, event.seq, event.hash, event.at)

    def add_environment(self, digest: str, body: str) -> None:
        """See `Ledger.add_environment`."""
        if self.environment(digest) is None:
            self._add(environments, {"digest": digest, "body": body})

    def keep(self, kind: str, key: str, body: Mapping[str, Json], until: int | None = None) -> None:
        """See `Ledger.keep`."""
        self._put(kept, {"kind": kind, "key": key}, {"body": dumps(body), "until": until})

    def drop(self, kind: str, key: str) -> None:
        """See `Ledger.drop`."""
        self._delete(kept, kind=kind, key=key)

    def expire(self, now: int) -> int:
        """See `Ledger.expire`."""
        return self._connection.execute(delete(kept).where(kept.c.until < now)).rowcount

    def _count(self, model: Model, stage: str, by: int) -> None:
        """Keep the count of living versions in a stage, so that nobody has to count them."""
        row = {"key": model.id, "key_stage": stage, "by": by}
        if not self._driver.run(_UPDATE_COUNT, row).rowcount:
            self._add(counts, {"model_id": model.id, "stage": stage, "living": by})

    def _add(self, table: Table, row: Mapping[str, object]) -> None:
        self._driver.write(insert_into(table, tuple(row)), row)

    def _add_once(self, table: Table, row: Mapping[str, object], taken: str) -> None:
        """Add a row whose number nobody asks for. Raises `Conflict`, at the commit at the latest."""
        self._insert(table, row, taken)

    def _insert(self, table: Table, row: Mapping[str, object], taken: str) -> int:
        """Add a row and answer its number. Raises `Conflict`, saying what is `taken`."""
        try:
            return int(self._driver.run(insert_into(table, tuple(row)), row).lastrowid or 0)
        except driver().IntegrityError as error:
            raise Conflict(taken) from error

    def _many(self, table: Table, given: Iterable[Mapping[str, object]]) -> None:
        batch = list(given)
        if batch:
            self._driver.write_each(insert_into(table, tuple(batch[0])), batch)

    def _put(self, table: Table, key: Mapping[str, object], row: Mapping[str, object]) -> None:
        """Replace what the row with this key has beside it, or add the row."""
        named = {f"key_{name}": value for name, value in key.items()}
        changed = self._driver.run(_update(table, tuple(key), tuple(row)), {**named, **row})
        if not changed.rowcount:
            self._add(table, {**key, **row})

    def _update(self, table: Table, key: Mapping[str, object], row: Mapping[str, object]) -> None:
        named = {f"key_{name}": value for name, value in key.items()}
        self._driver.write(_update(table, tuple(key), tuple(row)), {**named, **row})

    def _update_version(self, model: Model, number: int, row: Mapping[str, object]) -> None:
        self._update(versions, {"model_id": model.id, "number": number}, row)

    def _delete(self, table: Table, **key: object) -> None:
        self._driver.write(_delete(table, tuple(key)), key)

    def _index_text(
        self, version_id: int, tags: Mapping[str, str], description: str, more: Iterable[str]
    ) -> None:
        self._many(
            attributes, (_attribute(version_id, "tag", name, value) for name, value in tags.items())
        )
        found = _words(description, *tags, *tags.values(), *more)
        self._many(version_words, ({"word": word, "version_id": version_id} for word in found))

    def _add_model_words(self, model: Model) -> None:
        found = _words(model.name, model.description, *model.tags, *model.tags.values())
        self._many(model_words, ({"word": word, "model_id": model.id} for word in found))


def _words(*texts: str) -> list[str]:
    return sorted({word[:MAX_WORD] for text in texts for word in words(text)})


def _fixed_words(version: Version) -> list[str]:
    findings = version.findings
    about = [findings.format, findings.framework or ""] if findings else []
    return [version.author, version.version, *about]


def _attribute(version_id: int, kind: str, name: str, value: Json) -> dict[str, object]:
    text = value if isinstance(value, str) else dumps(value)
    return {"version_id": version_id, "kind": kind, "name": name, "start": text[:START],
            "value": text, "number": _number(value)}  # fmt: skip


def _number(value: Json) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return None


def _model_row(model: Model) -> dict[str, object]:
    return {
        "description": model.description,
        "tags": dumps(model.tags),
        "last_number": model.last_number,
        "updated": model.updated,
        "deleted": model.deleted,
    }


def _version_row(model: Model, version: Version, sealed: str) -> dict[str, object]:
    findings = version.findings
    return {
        "model_id": model.id,
        "number": version.number,
        "label": version.version,
        "label_key": label_key(version.version),
        "stage": version.stage,
        "entered": 0,
        "digest": version.digest,
        "author": version.author,
        "created": version.created,
        "size": version.size,
        "format": findings.format if findings else None,
        "framework": findings.framework if findings else None,
        "run_id": version.run_id,
        "base": version.base,
        "tags": dumps(version.tags),
        "description": version.description,
        "document": sealed,
        "deleted": version.deleted,
        "purged": version.purged,
        "uid": version.uid,
        "changed": version.created,
    }
