"""Metadata: looks of one moment, and changes that happen whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from modelry.core.events import Event, Head, LogFilter, LogPlace
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import Model, ModelSummary, Move, Pointer, Stamp, Version
from modelry.core.names import Ref
from modelry.core.ports.tracking import TrackingLedger, TrackingView
from modelry.core.query import Query
from modelry.core.selection import FoundVersion, Front, Selection
from modelry.core.strict_json import Json

T = TypeVar("T")


class View(Protocol):
    """A consistent look at the metadata: everything in it is of one moment."""

    def lifecycle(self, project: str) -> Lifecycle | None:
        """Answer the stages of a project, None where there is no such project."""
        ...

    def projects(self) -> Sequence[str]:
        """Name every project, sorted."""
        ...

    def model(self, project: str, name: str) -> Model | None:
        """Answer a model (any letter case of `name`), a tombstone too.

        In a `Unit` this also keeps others from changing the model until the end.
        """
        ...

    def models(
        self, projects: Collection[str] | None, after: str, limit: int
    ) -> Sequence[ModelSummary]:
        """Answer living models of `projects` (None for all) in the order of `project/name`.

        Only those that sort after `after`.
        """
        ...

    def find_models(
        self, projects: Collection[str] | None, contains: str, skip: int, limit: int
    ) -> tuple[Sequence[ModelSummary], int]:
        """Answer living models with `contains` in their name, and how many there are in all.

        In the order of `project/name`, letter case ignored, from the one at `skip`.
        """
        ...

    def find_model(self, uid: str) -> Model | None:
        """Answer the model whose `Model.uid` is `uid`, a tombstone too."""
        ...

    def find_version(self, uid: str) -> Version | None:
        """Answer the version whose `Version.uid` is `uid`, a tombstone too."""
        ...

    def count_models(self, projects: Collection[str] | None) -> int:
        """Answer how many models live in `projects`, None for all."""
        ...

    def count_versions(
        self, projects: Collection[str] | None, model: Model | None = None
    ) -> Mapping[str, int]:
        """Answer how many versions live in each stage, of `model` alone where it is given.

        Takes a time that does not grow with the number of versions.
        """
        ...

    def summary(self, model: Model) -> ModelSummary:
        """Answer how many versions of a model live, and its pointers."""
        ...

    def version(self, ref: Ref) -> Version | None:
        """Answer the version that `ref` selects, a tombstone too where it is named exactly.

        A ref without a selector and `latest` mean the highest living number; a
        digest means the highest living number that has it.
        """
        ...

    def versions(
        self, model: Model, stage: str | None, below: int | None, limit: int, skip: int = 0
    ) -> Sequence[Version]:
        """Answer living versions, highest number first, below number `below` if given.

        The first `skip` of them are left out.
        """
        ...

    def every_version(self, model: Model) -> Iterator[Version]:
        """Answer all versions of a model, tombstones too, by rising number."""
        ...

    def members(self, model: Model, stage: str) -> Sequence[int]:
        """Answer the living numbers in a stage, last entered first."""
        ...

    def stages_in_use(self, project: str) -> frozenset[str]:
        """Name the stages that some living version of the project is in."""
        ...

    def pointers(self, model: Model) -> Sequence[Pointer]:
        """Answer the pointers of a model, sorted by name."""
        ...

    def move(self, model: Model, pointer: str, seq: int | None) -> Move | None:
        """Answer the move of a pointer at event `seq`, its last move for None."""
        ...

    def moves_before(self, model: Model, seq: int) -> Sequence[Move]:
        """Answer for each pointer its last move below event `seq`, sorted by name."""
        ...

    def head(self, chain: str) -> Head | None:
        """Answer the last link of a chain of events, None where it has none."""
        ...

    def heads(self) -> Sequence[Head]:
        """Answer the last link of every chain, sorted by chain."""
        ...

    def stamps(
        self, model: Model, numbers: Sequence[int], pointer: str | None
    ) -> Mapping[int, Stamp]:
        """Answer when each version last changed, and who last made `pointer` name it, and when."""
        ...

    def events(
        self, chain: str, number: int | None, below: int | None, limit: int
    ) -> Sequence[Event]:
        """Answer events newest first, below sequence `below`, touching `number` if given."""
        ...

    def last_at(self, chain: str, at: int) -> int:
        """Answer the sequence number of the last event at or before time `at`, 0 for none."""
        ...

    def every_event(self, chain: str) -> Iterator[Event]:
        """Answer all events of a chain, oldest first, as they are stored."""
        ...

    def log(self, wanted: LogFilter, before: LogPlace | None, limit: int) -> Sequence[Event]:
        """Answer events of every chain that `wanted` lets through, latest first.

        In the order of falling (time, chain, sequence), those below `before` only.
        """
        ...

    def kept(self, kind: str, key: str) -> Mapping[str, Json] | None:
        """Answer what was kept under a key, None where nothing is."""
        ...

    def all_kept(
        self, kind: str, prefix: str = "", after: str = "", limit: int = 1000
    ) -> Sequence[tuple[str, Mapping[str, Json]]]:
        """Answer what is kept under keys that begin with `prefix` and sort after `after`.

        Sorted by key, by code points.
        """
        ...

    def search(
        self, query: Query, projects: Collection[str] | None, cursor: str | None, limit: int
    ) -> tuple[Sequence[Version], str | None]:
        """Answer living versions that match, in the query's order, and where to go on.

        Raises `Invalid` for a cursor that is not of this query.
        """
        ...

    def select_models(self, project: str, selection: Selection) -> Sequence[Model]:
        """Answer living models of a project that a selection names, in its order."""
        ...

    def select_versions(self, project: str, selection: Selection) -> Sequence[FoundVersion]:
        """Answer living versions of a project that a selection names, in its order."""
        ...

    def fronts(self, some: Sequence[Model]) -> Sequence[Front]:
        """Answer for each of these models its latest versions and its aliases, sorted by name."""
        ...

    def changed(self, model: Model, number: int) -> int:
        """Answer when a version last changed itself (see `selection`), 0 where there is none."""
        ...

    def changes(self, model: Model) -> Mapping[int, int]:
        """Answer when each version of a model last changed itself, those that were deleted too."""
        ...

    def environment(self, digest: str) -> str | None:
        """Answer the stored text of an environment."""
        ...

    def known_size(self, size: int) -> bool:
        """Say whether some version has a file of this size."""
        ...

    def has_content(self, digest: str) -> bool:
        """Say whether some version that was not purged has this digest (`sha256:...`)."""
        ...

    def named(
        self, digests: Iterable[str], projects: Collection[str] | None = None
    ) -> frozenset[str]:
        """Answer which of these blobs some version that was not purged names, or some artefact.

        With `projects`, only what a living version or an artefact of one of them names.
        """
        ...

    @property
    def tracking(self) -> TrackingView | None:
        """Experiments and runs; None where the store keeps none (`tracking = None` does)."""
        ...


class Fold(Protocol):
    """The state that events are folded into; an audit folds them once more to compare."""

    def update_model(self, model: Model) -> None:
        """Keep the description, tags, last number, time of change and tombstone of a model."""
        ...

    def relabel(self, model: Model, number: int, stage: str, seq: int) -> None:
        """Put a version into a stage, entered by event `seq`."""
        ...

    def describe(
        self, model: Model, number: int, tags: Mapping[str, str], description: str
    ) -> None:
        """Replace the tags and the description of a version."""
        ...

    def bury(self, model: Model, number: int, at: int) -> None:
        """Leave a tombstone in place of a version."""
        ...

    def purge(self, model: Model, number: int, at: int) -> None:
        """Mark a version as without bytes; its blobs are no longer named by it."""
        ...

    def stamp(self, model: Model, numbers: Collection[int], at: int) -> None:
        """Keep that these versions changed themselves at `at`; they began with their making."""
        ...

    def point(self, model: Model, pointer: Pointer) -> None:
        """Move a pointer: a (model, name) has one target at most, ever."""
        ...

    def unpoint(self, model: Model, name: str) -> None:
        """Take a pointer away."""
        ...

    def add_move(self, model: Model, move: Move) -> None:
        """Keep one step of a pointer."""
        ...


class Ledger(Fold, Protocol):
    """What a change may write. Nothing else changes what a registry holds."""

    def add_model(self, model: Model) -> Model:
        """Keep a new model and answer it with its id. Raises `Conflict` if the name is taken."""
        ...

    def add_version(self, model: Model, version: Version, sealed: str | None = None) -> Version:
        """Keep a new version and answer it with its id.

        `sealed` is its document (`sealing.document`), where somebody wrote it already. Raises `Conflict` where its number or label is taken, by a tombstone too.
        """
        ...

    def set_lifecycle(self, project: str, lifecycle: Lifecycle, at: int) -> None:
        """Keep the stages of a project, making the project where it is new."""
        ...

    def append(self, event: Event) -> None:
        """Add an event to its chain and move the chain's head.

        Raises `Conflict` where its sequence number is taken.
        """
        ...

    def add_environment(self, digest: str, body: str) -> None:
        """Keep the text of an environment once."""
        ...

    def keep(self, kind: str, key: str, body: Mapping[str, Json], until: int | None = None) -> None:
        """Keep a small record beside the models, in place of what is under its key.

        Accounts, memberships, tokens, uploads and the keys of requests are kept
        so. After the time `until` it may be forgotten.
        """
        ...

    def drop(self, kind: str, key: str) -> None:
        """Forget what is kept under a key, if anything is."""
        ...

    def expire(self, now: int) -> int:
        """Forget everything whose time `until` is past at `now`; answer how many that were."""
        ...


class Unit(View, Ledger, Protocol):
    """One all-or-nothing change: it sees its own writes, others see all of it or none."""

    def foresee(self, project: str, name: str) -> None:
        """Say which model a change is about: a store far away then asks for it with what is asked first."""
        ...

    @property
    def tracking(self) -> TrackingLedger | None:
        """Experiments and runs, to be changed; None where the store keeps none."""
        ...


class Store(Protocol):
    """Metadata. Changes happen one after another, as if each were alone."""

    def read(self) -> AbstractContextManager[View]:
        """Open a look at the state of one moment."""
        ...

    def resolve(self, ref: Ref) -> Version | None:
        """Answer `View.version(ref)` of this moment, by the shortest way there is."""
        ...

    def kept(self, kind: str, key: str) -> Mapping[str, Json] | None:
        """Answer `View.kept(kind, key)` of this moment, likewise."""
        ...

    def select_versions(
        self, project: str, selection: Selection
    ) -> tuple[Lifecycle | None, Sequence[FoundVersion]]:
        """Answer `View.lifecycle(project)` and `View.select_versions` of this moment, likewise."""
        ...

    def generation(self) -> Hashable:
        """Answer a mark of this moment that is another one after every committed change.

        Whoever read something, asks before and after, and finds the same mark,
        has read what holds now: by this a cache is never stale, whichever
        process changed what is stored. It costs little.
        """
        ...

    def change(self, work: Callable[[Unit], T], *, alone: bool = False) -> T:
        """Run `work` in one change and commit it durably before answering.

        Whatever `work` raises undoes all of it. `work` may be run again where
        the store lost a race or had to undo another change with it, and in
        another thread than its caller's, so it must do nothing but read and
        write the unit. Raises `Unavailable` where the store cannot write now.

        Changes that wait at the same moment may share a commit: each is undone
        by itself where it raises, and all of them fail where the commit does.
        `alone` is for a change that takes long, or does more than write the
        unit: it shares with nobody.
        """
        ...

    def snapshot(self) -> AbstractContextManager[View]:
        """Open a look that may stay open for long without holding up writers."""
        ...

    def close(self) -> None:
        """Give back connections and files; a closed store may be opened again."""
        ...
