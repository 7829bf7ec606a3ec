"""Writes over a copy of the state."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from modelry.core.errors import Conflict
from modelry.core.events import Event, Head
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import Model, Move, Pointer, Version
from modelry.core.names import label_key
from modelry.core.strict_json import Json
from modelry.stores.held.view import HeldView


class HeldUnit(HeldView):
    """The `Unit` port over a state of its own."""

    def foresee(self, project: str, name: str) -> None:
        """See `Unit.foresee`: everything is at hand."""

    def add_model(self, model: Model) -> Model:
        """See `Ledger.add_model`."""
        key = (model.project, model.name.lower())
        if key in self._state.models:
            msg = f"the model {model.full_name} exists already"
            raise Conflict(msg)
        kept = replace(model, id=len(self._state.models) + 1)
        self._state.models[key] = kept
        return kept

    def update_model(self, model: Model) -> None:
        """See `Fold.update_model`."""
        self._state.models[model.project, model.name.lower()] = model

    def add_version(self, model: Model, version: Version, sealed: str | None = None) -> Version:
        """See `Ledger.add_version`."""
        del sealed
        key = (model.id, version.number)
        label = (model.id, label_key(version.version))
        if key in self._state.versions or label in self._state.labels:
            msg = f"{model.full_name} has a version {version.number} or {version.version!r} already"
            raise Conflict(msg)
        kept = replace(version, id=len(self._state.versions) + 1)
        self._state.versions[key] = kept
        self._state.labels[label] = version.number
        self._state.entered[key] = 0
        return kept

    def _change(self, model: Model, number: int, **fields: object) -> None:
        key = (model.id, number)
        self._state.versions[key] = replace(self._state.versions[key], **fields)  # type: ignore[arg-type]  # fields by name

    def relabel(self, model: Model, number: int, stage: str, seq: int) -> None:
        """See `Fold.relabel`."""
        self._change(model, number, stage=stage)
        self._state.entered[model.id, number] = seq

    def describe(
        self, model: Model, number: int, tags: Mapping[str, str], description: str
    ) -> None:
        """See `Fold.describe`."""
        self._change(model, number, tags=dict(tags), description=description)

    def bury(self, model: Model, number: int, at: int) -> None:
        """See `Fold.bury`."""
        self._change(model, number, deleted=at)

    def purge(self, model: Model, number: int, at: int) -> None:
        """See `Fold.purge`."""
        self._change(model, number, purged=at)

    def stamp(self, model: Model, numbers: Collection[int], at: int) -> None:
        """See `Fold.stamp`: the events are held too, and are asked for it."""

    def point(self, model: Model, pointer: Pointer) -> None:
        """See `Fold.point`."""
        self._state.pointers[model.id, pointer.name] = pointer

    def unpoint(self, model: Model, name: str) -> None:
        """See `Fold.unpoint`."""
        self._state.pointers.pop((model.id, name), None)

    def add_move(self, model: Model, move: Move) -> None:
        """See `Fold.add_move`."""
        self._state.moves[model.id, move.name, move.seq] = move

    def set_lifecycle(self, project: str, lifecycle: Lifecycle, at: int) -> None:
        """See `Ledger.set_lifecycle`."""
        del at
        self._state.projects[project] = lifecycle

    def append(self, event: Event) -> None:
        """See `Ledger.append`."""
        if (event.chain, event.seq) in self._state.events:
            msg = f"the record {event.chain}#{event.seq} exists already"
            raise Conflict(msg)
        self._state.events[event.chain, event.seq] = event
        self._state.heads[event.chain] = Head(event.chain, event.seq, event.hash, event.at)

    def add_environment(self, digest: str, body: str) -> None:
        """See `Ledger.add_environment`."""
        self._state.environments.setdefault(digest, body)

    def keep(self, kind: str, key: str, body: Mapping[str, Json], until: int | None = None) -> None:
        """See `Ledger.keep`."""
        self._state.kept[kind, key] = (dict(body), until)

    def drop(self, kind: str, key: str) -> None:
        """See `Ledger.drop`."""
        self._state.kept.pop((kind, key), None)

    def expire(self, now: int) -> int:
        """See `Ledger.expire`."""
        past = [
            key for key, (_, until) in self._state.kept.items() if until is not None and until < now
        ]
        for key in past:
            del self._state.kept[key]
        return len(past)
