"""Reads over a `State`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from modelry.core.events import Event, Head, touched
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import Model, ModelSummary, Move, Pointer, Version
from modelry.core.names import Ref
from modelry.core.query import Query
from modelry.stores.memory.search import search
from modelry.stores.memory.state import State


class MemoryView:
    """The `View` port over a state that nobody changes meanwhile."""

    def __init__(self, state: State) -> None:
        self._state = state

    def lifecycle(self, project: str) -> Lifecycle | None:
        """See `View.lifecycle`."""
        return self._state.projects.get(project)

    def projects(self) -> Sequence[str]:
        """See `View.projects`."""
        return sorted(self._state.projects)

    def model(self, project: str, name: str) -> Model | None:
        """See `View.model`."""
        return self._state.models.get((project, name.lower()))

    def models(self, project: str | None, after: str, limit: int) -> Sequence[ModelSummary]:
        """See `View.models`."""
        space, _, name = after.lower().partition("/")
        found = [
            model
            for key, model in sorted(self._state.models.items())
            if model.deleted is None and project in {None, key[0]} and key > (space, name)
        ]
        return [self.summary(model) for model in found[:limit]]

    def summary(self, model: Model) -> ModelSummary:
        """See `View.summary`."""
        return ModelSummary(model, len(self._living(model)), tuple(self.pointers(model)))

    def version(self, ref: Ref) -> Version | None:
        """See `View.version`."""
        model = self.model(ref.project, ref.name)
        number = None if model is None else self._number(model, ref)
        if model is None or number is None:
            return None
        return self._standing(model, self._state.versions.get((model.id, number)))

    def _number(self, model: Model, ref: Ref) -> int | None:
        if ref.selector == "number":
            return ref.number
        if ref.selector == "label":
            return self._state.labels.get((model.id, ref.value))
        if ref.selector == "pointer":
            pointer = self._state.pointers.get((model.id, ref.value))
            return pointer.number if pointer else None
        digest = f"sha256:{ref.value}" if ref.selector == "digest" else None
        found = [each.number for each in self._living(model) if digest in {None, each.digest}]
        return max(found, default=None)

    def _standing(self, model: Model, version: Version | None) -> Version | None:
        if version is None:
            return None
        names = [
            pointer.name
            for pointer in self.pointers(model)
            if pointer.kind == "alias" and pointer.number == version.number
        ]
        return replace(version, aliases=tuple(sorted(names)))

    def _all(self, model: Model) -> list[Version]:
        found = [each for key, each in self._state.versions.items() if key[0] == model.id]
        return sorted(found, key=lambda each: each.number)

    def _living(self, model: Model) -> list[Version]:
        return [each for each in self._all(model) if each.deleted is None]

    def versions(
        self, model: Model, stage: str | None, below: int | None, limit: int
    ) -> Sequence[Version]:
        """See `View.versions`."""
        found = [
            each
            for each in reversed(self._living(model))
            if stage in {None, each.stage} and (below is None or each.number < below)
        ]
        return [self._standing(model, each) or each for each in found[:limit]]

    def every_version(self, model: Model) -> Iterator[Version]:
        """See `View.every_version`."""
        return iter([self._standing(model, each) or each for each in self._all(model)])

    def members(self, model: Model, stage: str) -> Sequence[int]:
        """See `View.members`."""
        found = [each.number for each in self._living(model) if each.stage == stage]
        entered = self._state.entered
        return sorted(found, key=lambda n: (entered.get((model.id, n), 0), n), reverse=True)

    def stages_in_use(self, project: str) -> frozenset[str]:
        """See `View.stages_in_use`."""
        return frozenset(
            each.stage
            for each in self._state.versions.values()
            if each.project == project and each.deleted is None
        )

    def pointers(self, model: Model) -> Sequence[Pointer]:
        """See `View.pointers`."""
        found = [each for key, each in self._state.pointers.items() if key[0] == model.id]
        return sorted(found, key=lambda each: each.name)

    def move(self, model: Model, pointer: str, seq: int | None) -> Move | None:
        """See `View.move`."""
        found = [
            each
            for key, each in self._state.moves.items()
            if key[:2] == (model.id, pointer) and seq in {None, each.seq}
        ]
        return max(found, key=lambda each: each.seq, default=None)

    def moves_before(self, model: Model, seq: int) -> Sequence[Move]:
        """See `View.moves_before`."""
        last: dict[str, Move] = {}
        for key, each in sorted(self._state.moves.items()):
            if key[0] == model.id and each.seq < seq:
                last[each.name] = each
        return [last[name] for name in sorted(last)]

    def head(self, chain: str) -> Head | None:
        """See `View.head`."""
        return self._state.heads.get(chain)

    def heads(self) -> Sequence[Head]:
        """See `View.heads`."""
        return [self._state.heads[chain] for chain in sorted(self._state.heads)]

    def events(
        self, chain: str, number: int | None, below: int | None, limit: int
    ) -> Sequence[Event]:
        """See `View.events`."""
        found = [
            each
            for each in self.every_event(chain)
            if (number is None or number in touched(each)) and (below is None or each.seq < below)
        ]
        return found[::-1][:limit]

    def last_at(self, chain: str, at: int) -> int:
        """See `View.last_at`."""
        return max((each.seq for each in self.every_event(chain) if each.at <= at), default=0)

    def every_event(self, chain: str) -> Iterator[Event]:
        """See `View.every_event`."""
        return iter([each for key, each in sorted(self._state.events.items()) if key[0] == chain])

    def search(
        self, query: Query, project: str | None, cursor: str | None, limit: int
    ) -> tuple[Sequence[Version], str | None]:
        """See `View.search`."""
        models = {model.id: model for model in self._state.models.values()}
        living = [
            (models[key[0]], self._standing(models[key[0]], each) or each)
            for key, each in self._state.versions.items()
            if each.deleted is None and project in {None, each.project}
        ]
        return search(living, query, cursor, limit)

    def environment(self, digest: str) -> str | None:
        """See `View.environment`."""
        return self._state.environments.get(digest)

    def known_size(self, size: int) -> bool:
        """See `View.known_size`."""
        return any(file.size == size for each in self._kept() for file in each.files)

    def has_content(self, digest: str) -> bool:
        """See `View.has_content`."""
        return any(each.digest == digest for each in self._kept())

    def named(self, digests: Iterable[str]) -> frozenset[str]:
        """See `View.named`."""
        held = {file.sha256 for each in self._kept() for file in each.files}
        return frozenset(held.intersection(digests))

    def _kept(self) -> Iterator[Version]:
        return (each for each in self._state.versions.values() if each.purged is None)
