"""Reads over a `State`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from modelry.core.events import (
    Event,
    EventKind,
    Head,
    LogFilter,
    LogPlace,
    model_chain,
    project_of,
    touched,
)
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import Model, ModelSummary, Move, Pointer, Stamp, Version
from modelry.core.names import Ref, fold
from modelry.core.ports import TrackingLedger
from modelry.core.query import Query
from modelry.core.selection import (
    CHANGES_OF_MODEL,
    CHANGES_OF_VERSION,
    FoundVersion,
    Front,
    Outline,
    Selection,
    outline_of,
    title_of,
)
from modelry.core.strict_json import Json
from modelry.stores.held.search import search
from modelry.stores.held.selecting import FoundModel, select_models, select_versions
from modelry.stores.held.state import State


class HeldView:
    """The `View` port over a state that nobody changes meanwhile."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def tracking(self) -> TrackingLedger | None:
        """See `View.tracking`: dictionaries alone keep no experiments and runs."""
        return None

    def lifecycle(self, project: str) -> Lifecycle | None:
        """See `View.lifecycle`."""
        return self._state.projects.get(project)

    def projects(self) -> Sequence[str]:
        """See `View.projects`."""
        return sorted(self._state.projects)

    def model(self, project: str, name: str) -> Model | None:
        """See `View.model`."""
        return self._state.models.get((project, name.lower()))

    def models(
        self, projects: Collection[str] | None, after: str, limit: int
    ) -> Sequence[ModelSummary]:
        """See `View.models`."""
        space, _, name = after.lower().partition("/")
        found = [
            model
            for model in self._living_models(projects)
            if (model.project, model.name.lower()) > (space, name)
        ]
        return [self.summary(model) for model in found[:limit]]

    def _living_models(self, projects: Collection[str] | None) -> list[Model]:
        return [
            model
            for key, model in sorted(self._state.models.items())
            if model.deleted is None and (projects is None or key[0] in projects)
        ]

    def find_models(
        self, projects: Collection[str] | None, contains: str, skip: int, limit: int
    ) -> tuple[Sequence[ModelSummary], int]:
        """See `View.find_models`."""
        wanted = fold(contains)
        found = [each for each in self._living_models(projects) if wanted in fold(each.name)]
        return [self.summary(model) for model in found[skip : skip + limit]], len(found)

    def find_model(self, uid: str) -> Model | None:
        """See `View.find_model`."""
        return next((each for each in self._state.models.values() if each.uid == uid), None)

    def find_version(self, uid: str) -> Version | None:
        """See `View.find_version`."""
        for model in self._state.models.values():
            for version in self._all(model):
                if version.uid == uid:
                    return self._standing(model, version)
        return None

    def count_models(self, projects: Collection[str] | None) -> int:
        """See `View.count_models`."""
        return len(self._living_models(projects))

    def count_versions(
        self, projects: Collection[str] | None, model: Model | None = None
    ) -> Mapping[str, int]:
        """See `View.count_versions`; counts them, which a memory can afford."""
        return Counter(
            each.stage
            for key, each in self._state.versions.items()
            if each.deleted is None
            and (projects is None or each.project in projects)
            and (model is None or key[0] == model.id)
        )

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

    def standing(self) -> Iterator[tuple[tuple[int, int], Version]]:
        """Answer every living version with its aliases, in the order of their registration."""
        aliases: dict[tuple[int, int], list[str]] = {}
        for (model, name), pointer in self._state.pointers.items():
            if pointer.kind == "alias":
                aliases.setdefault((model, pointer.number), []).append(name)
        for key, version in self._state.versions.items():
            if version.deleted is None:
                names = aliases.get(key)
                yield key, replace(version, aliases=tuple(sorted(names))) if names else version

    def _all(self, model: Model) -> list[Version]:
        found = [each for key, each in self._state.versions.items() if key[0] == model.id]
        return sorted(found, key=lambda each: each.number)

    def _living(self, model: Model) -> list[Version]:
        return [each for each in self._all(model) if each.deleted is None]

    def versions(
        self, model: Model, stage: str | None, below: int | None, limit: int, skip: int = 0
    ) -> Sequence[Version]:
        """See `View.versions`."""
        found = [
            each
            for each in reversed(self._living(model))
            if stage in {None, each.stage} and (below is None or each.number < below)
        ]
        return [self._standing(model, each) or each for each in found[skip : skip + limit]]

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

    def stamps(
        self, model: Model, numbers: Sequence[int], pointer: str | None
    ) -> Mapping[int, Stamp]:
        """See `View.stamps`."""
        found: dict[int, Stamp] = {}
        for event in self.every_event(model_chain(model.project, model.name)):
            changed = event.kind is not EventKind.DENIED
            for number in touched(event).intersection(numbers) if changed else ():
                found[number] = replace(found.get(number) or Stamp(0), updated=event.at)
            move = self._state.moves.get((model.id, pointer or "", event.seq))
            if move is not None and move.number in found:
                found[move.number] = replace(
                    found[move.number], approver=event.actor, approved=event.at
                )
        return found

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

    def log(self, wanted: LogFilter, before: LogPlace | None, limit: int) -> Sequence[Event]:
        """See `View.log`."""
        place = None if before is None else (before.at, before.chain, before.seq)
        found = [
            each
            for each in self._state.events.values()
            if (place is None or (each.at, each.chain, each.seq) < place) and _passes(wanted, each)
        ]
        found.sort(key=lambda each: (each.at, each.chain, each.seq), reverse=True)
        return found[:limit]

    def kept(self, kind: str, key: str) -> Mapping[str, Json] | None:
        """See `View.kept`."""
        found = self._state.kept.get((kind, key))
        return found[0] if found else None

    def all_kept(
        self, kind: str, prefix: str = "", after: str = "", limit: int = 1000
    ) -> Sequence[tuple[str, Mapping[str, Json]]]:
        """See `View.all_kept`."""
        found = [
            (key, body)
            for (of, key), (body, _) in sorted(self._state.kept.items(), key=lambda each: each[0])
            if of == kind and key.startswith(prefix) and key > after
        ]
        return found[:limit]

    def search(
        self, query: Query, projects: Collection[str] | None, cursor: str | None, limit: int
    ) -> tuple[Sequence[Version], str | None]:
        """See `View.search`."""
        models = {model.id: model for model in self._state.models.values()}
        living = [
            (models[key[0]], each)
            for key, each in self.standing()
            if projects is None or each.project in projects
        ]
        return search(living, query, cursor, limit)

    def select_models(self, project: str, selection: Selection) -> Sequence[Model]:
        """See `View.select_models`."""
        found = [FoundModel(each, self._last(each)) for each in self._living_models({project})]
        return select_models(found, selection)

    def select_versions(self, project: str, selection: Selection) -> Sequence[FoundVersion]:
        """See `View.select_versions`."""
        found = [
            FoundVersion(self._outline(model, each), title_of(model), changes[each.number])
            for model in self._living_models({project})
            for changes in [self.changes(model)]
            for each in self._living(model)
        ]
        return select_versions(found, selection)

    def fronts(self, some: Sequence[Model]) -> Sequence[Front]:
        """See `View.fronts`."""
        return [self._front(model) for model in some]

    def _front(self, model: Model) -> Front:
        highest = {each.stage: each for each in self._living(model)}
        changes = self.changes(model)
        latest = tuple(
            (self._outline(model, each), changes[each.number]) for each in highest.values()
        )
        aliases = tuple(each for each in self.pointers(model) if each.kind == "alias")
        return Front(self._last(model), latest, aliases)

    def _outline(self, model: Model, version: Version) -> Outline:
        return outline_of(self._standing(model, version) or version)

    def changed(self, model: Model, number: int) -> int:
        """See `View.changed`."""
        return self.changes(model).get(number, 0)

    def changes(self, model: Model) -> Mapping[int, int]:
        """See `View.changes`."""
        found = {each.number: each.created for each in self._all(model)}
        for event in self.every_event(model_chain(model.project, model.name)):
            if event.kind in CHANGES_OF_VERSION:
                found.update(dict.fromkeys(touched(event) & found.keys(), event.at))
        return found

    def _last(self, model: Model) -> int:
        """Answer when the model itself last changed."""
        chain = model_chain(model.project, model.name)
        found = [each.at for each in self.every_event(chain) if each.kind in CHANGES_OF_MODEL]
        return found[-1] if found else model.created

    def environment(self, digest: str) -> str | None:
        """See `View.environment`."""
        return self._state.environments.get(digest)

    def known_size(self, size: int) -> bool:
        """See `View.known_size`."""
        return any(file.size == size for each in self._kept() for file in each.files)

    def has_content(self, digest: str) -> bool:
        """See `View.has_content`."""
        return any(each.digest == digest for each in self._kept())

    def named(
        self, digests: Iterable[str], projects: Collection[str] | None = None
    ) -> frozenset[str]:
        """See `View.named`."""
        held = {
            file.sha256
            for each in self._kept()
            if projects is None or (each.project in projects and each.deleted is None)
            for file in each.files
        }
        return frozenset(held.intersection(digests))

    def _kept(self) -> Iterator[Version]:
        return (each for each in self._state.versions.values() if each.purged is None)


def _passes(wanted: LogFilter, event: Event) -> bool:
    return (
        (wanted.projects is None or project_of(event.chain) in wanted.projects)
        and wanted.chain in {None, event.chain}
        and wanted.actor in {None, event.actor}
        and (wanted.kinds is None or event.kind in wanted.kinds)
        and (wanted.since is None or event.at >= wanted.since)
        and (wanted.until is None or event.at <= wanted.until)
    )
