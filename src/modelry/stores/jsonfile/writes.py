"""What a change wrote, as lists of JSON, and written once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import Any

from modelry.core.events import Event, EventKind
from modelry.core.lifecycle import Lifecycle, lifecycle_from_json, lifecycle_to_json
from modelry.core.model import Model, Move, Pointer, Version
from modelry.core.ports import Unit
from modelry.core.sealing import document, open_document
from modelry.core.strict_json import Json
from modelry.stores.held import HeldUnit, State

Write = list[Any]
"""The name of a method of `Ledger`, and its arguments."""


class RecordingUnit(HeldUnit):
    """A change of a state, of which `writes` tells everything that it did."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.state = state
        self.writes: list[Write] = []

    def add_model(self, model: Model) -> Model:
        """See `Ledger.add_model`."""
        kept = super().add_model(model)
        self.writes.append(["add_model", *_model_row(kept)])
        return kept

    def update_model(self, model: Model) -> None:
        """See `Fold.update_model`."""
        super().update_model(model)
        self.writes.append(["update_model", *_model_row(model)])

    def add_version(self, model: Model, version: Version, sealed: str | None = None) -> Version:
        """See `Ledger.add_version`."""
        kept = super().add_version(model, version, sealed)
        standing = [kept.stage, dict(kept.tags), kept.description, kept.deleted, kept.purged]
        self._of("add_version", model, sealed or document(kept), *standing)
        return kept

    def relabel(self, model: Model, number: int, stage: str, seq: int) -> None:
        """See `Fold.relabel`."""
        super().relabel(model, number, stage, seq)
        self._of("relabel", model, number, stage, seq)

    def describe(
        self, model: Model, number: int, tags: Mapping[str, str], description: str
    ) -> None:
        """See `Fold.describe`."""
        super().describe(model, number, tags, description)
        self._of("describe", model, number, dict(tags), description)

    def bury(self, model: Model, number: int, at: int) -> None:
        """See `Fold.bury`."""
        super().bury(model, number, at)
        self._of("bury", model, number, at)

    def purge(self, model: Model, number: int, at: int) -> None:
        """See `Fold.purge`."""
        super().purge(model, number, at)
        self._of("purge", model, number, at)

    def point(self, model: Model, pointer: Pointer) -> None:
        """See `Fold.point`."""
        super().point(model, pointer)
        self._of("point", model, *astuple(pointer))

    def unpoint(self, model: Model, name: str) -> None:
        """See `Fold.unpoint`."""
        super().unpoint(model, name)
        self._of("unpoint", model, name)

    def add_move(self, model: Model, move: Move) -> None:
        """See `Fold.add_move`."""
        super().add_move(model, move)
        self._of("add_move", model, *astuple(move))

    def set_lifecycle(self, project: str, lifecycle: Lifecycle, at: int) -> None:
        """See `Ledger.set_lifecycle`."""
        super().set_lifecycle(project, lifecycle, at)
        self.writes.append(["set_lifecycle", project, lifecycle_to_json(lifecycle), at])

    def append(self, event: Event) -> None:
        """See `Ledger.append`."""
        super().append(event)
        row = [event.chain, event.seq, str(event.kind), event.actor, event.at]
        self.writes.append(["append", *row, event.number, event.body, event.prev, event.hash])

    def add_environment(self, digest: str, body: str) -> None:
        """See `Ledger.add_environment`."""
        if self.environment(digest) is None:
            super().add_environment(digest, body)
            self.writes.append(["add_environment", digest, body])

    def keep(self, kind: str, key: str, body: Mapping[str, Json], until: int | None = None) -> None:
        """See `Ledger.keep`."""
        super().keep(kind, key, body, until)
        self.writes.append(["keep", kind, key, dict(body), until])

    def drop(self, kind: str, key: str) -> None:
        """See `Ledger.drop`."""
        if self.kept(kind, key) is not None:
            super().drop(kind, key)
            self.writes.append(["drop", kind, key])

    def expire(self, now: int) -> int:
        """See `Ledger.expire`."""
        gone = super().expire(now)
        if gone:
            self.writes.append(["expire", now])
        return gone

    def _of(self, name: str, model: Model, *facts: object) -> None:
        self.writes.append([name, [model.project, model.name], *facts])


def _model_row(model: Model) -> list[object]:
    return [
        model.project, model.name, model.description, dict(model.tags), model.last_number,
        model.author, model.created, model.updated, model.deleted,
    ]  # fmt: skip


def write_again(state: State, write: Write) -> None:
    """Do to `state` what a write of a `RecordingUnit` did to its own.

    Raises `KeyError`, `TypeError` or `ValueError` for what is no write.
    """
    name, *facts = write
    unit = HeldUnit(state)
    if name in _PLAIN:
        _PLAIN[name](unit, *facts)
        return
    (project, model_name), *facts = facts
    model = state.models[project, model_name.lower()]
    _ABOUT[name](unit, model, *facts)


def _model(unit: Unit, row: tuple[Any, ...]) -> Model:
    project, name, description, tags, last_number, author, created, updated, deleted = row
    there = unit.model(project, name)
    return Model(
        id=there.id if there else 0,
        project=project,
        name=name,
        description=description,
        tags=tags,
        last_number=last_number,
        author=author,
        created=created,
        updated=updated,
        deleted=deleted,
    )


def _add_version(unit: Unit, model: Model, *row: Any) -> object:  # noqa: ANN401 - of a line of JSON
    text, stage, tags, description, deleted, purged = row
    return unit.add_version(model, open_document(
        text, id=0, stage=stage, aliases=(), tags=tags, description=description,
        deleted=deleted, purged=purged,
    ))  # fmt: skip


def _append(unit: Unit, *row: Any) -> None:  # noqa: ANN401 - of a line of JSON
    chain, seq, kind, *rest = row
    unit.append(Event(chain, seq, EventKind(kind), *rest))


_PLAIN: Mapping[str, Callable[..., object]] = {
    "add_model": lambda unit, *row: unit.add_model(_model(unit, row)),
    "update_model": lambda unit, *row: unit.update_model(_model(unit, row)),
    "set_lifecycle": lambda unit, project, stages, at: unit.set_lifecycle(
        project, lifecycle_from_json(stages), at
    ),
    "append": _append,
    "add_environment": HeldUnit.add_environment,
    "keep": HeldUnit.keep,
    "drop": HeldUnit.drop,
    "expire": HeldUnit.expire,
}
_ABOUT: Mapping[str, Callable[..., object]] = {
    "add_version": _add_version,
    "relabel": HeldUnit.relabel,
    "describe": HeldUnit.describe,
    "bury": HeldUnit.bury,
    "purge": HeldUnit.purge,
    "point": lambda unit, model, *row: unit.point(model, Pointer(*row)),
    "unpoint": HeldUnit.unpoint,
    "add_move": lambda unit, model, *row: unit.add_move(model, Move(*row)),
}
