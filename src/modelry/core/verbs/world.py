"""What every verb is given, and what every change does alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from modelry.core.access import NEEDS, OWNER, Action, Actor, Role
from modelry.core.denials import Denials
from modelry.core.errors import Conflict, Invalid, NotFound, Unsupported
from modelry.core.events import Event, EventKind, follow, model_chain
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import Model, Version
from modelry.core.names import Ref
from modelry.core.ports import (
    Blobs,
    Clock,
    Inspector,
    Shelf,
    Sources,
    Store,
    Surroundings,
    TrackingLedger,
    TrackingView,
    Unit,
    View,
)
from modelry.core.replay import apply
from modelry.core.strict_json import Json


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The key that a caller gave a request, and a hash of what was asked.

    The same key again has no second effect (`once.py`).
    """

    key: str
    fingerprint: str


class Outdated(Exception):
    """What an actor may do was remembered, and has changed since: find it out, and begin anew."""


@dataclass(frozen=True, slots=True)
class World:
    """The ports that a registry was wired with, and on whose behalf it works.

    `trace` (address, request id) is kept with every event. `needs` says which
    role each action takes. `guard` looks first inside every change, and raises
    where what the caller saw is not so any more. `doubt` is asked before a
    denial is recorded of an actor who was only remembered; it raises `Outdated`.
    """

    store: Store
    blobs: Blobs
    shelf: Shelf
    sources: Sources
    inspection: Inspector
    surroundings: Surroundings
    clock: Clock
    actor: Actor = OWNER
    trace: Mapping[str, Json] = field(default_factory=dict)
    request: RequestKey | None = None
    denials: Denials = field(default_factory=Denials)
    needs: Mapping[Action, Role] = field(default_factory=lambda: NEEDS)
    guard: Callable[[View], None] | None = None
    doubt: Callable[[], None] | None = None

    def acting(  # noqa: PLR0913 - all that is another for each request
        self,
        actor: Actor,
        surroundings: Surroundings,
        trace: Mapping[str, Json],
        request: RequestKey | None = None,
        guard: Callable[[View], None] | None = None,
        doubt: Callable[[], None] | None = None,
    ) -> World:
        """Answer the same world on whose behalf `actor` works."""
        return World(
            self.store, self.blobs, self.shelf, self.sources, self.inspection, surroundings,
            self.clock, actor, trace, request, self.denials, self.needs, guard, doubt,
        )  # fmt: skip


def tracking_of(view: View) -> TrackingView:
    """Answer the experiments and runs of a store. Raises `Unsupported` where it keeps none."""
    if view.tracking is None:
        raise _no_runs()
    return view.tracking


def tracking_in(unit: Unit) -> TrackingLedger:
    """Answer the experiments and runs of a change. Raises `Unsupported`."""
    if unit.tracking is None:
        raise _no_runs()
    return unit.tracking


def _no_runs() -> Unsupported:
    msg = "this registry keeps no experiments and runs; use one on SQLite or PostgreSQL"
    return Unsupported(msg)


def no_project(project: str) -> NotFound:
    """Say that a project is absent: in the same words where it is not this caller's."""
    msg = f"there is no project {project!r}; make it first (modelry project create {project})"
    return NotFound(msg, project=project)


def lifecycle_of(view: View, project: str) -> Lifecycle:
    """Answer the stages of a project. Raises `NotFound`."""
    lifecycle = view.lifecycle(project)
    if lifecycle is None:
        raise no_project(project)
    return lifecycle


def living_model(view: View, ref: Ref) -> Model:
    """Answer the model that `ref` names. Raises `NotFound`, for a deleted one too."""
    model = view.model(ref.project, ref.name)
    if model is None:
        lifecycle_of(view, ref.project)
        msg = f"there is no model {_full(ref)}; register a first version to make it"
        raise NotFound(msg, model=_full(ref))
    if model.deleted is not None:
        msg = f"the model {_full(ref)} was deleted; its history stays (modelry history)"
        raise NotFound(msg, model=_full(ref), deleted=model.deleted)
    return model


def living_version(view: View, ref: Ref) -> Version:
    """Answer the version that `ref` selects. Raises `NotFound`, for a deleted one too.

    A ref without a selector means production, else the latest version.
    """
    main = lifecycle_of(view, ref.project).main if ref.selector == "none" else None
    live = view.version(Ref(ref.project, ref.name, "pointer", main)) if main else None
    return live or living(ref, view.version(ref), view)


def exact(ref: Ref, verb: str) -> Ref:
    """Answer `ref` where it says which version is meant. Raises `Invalid`."""
    if ref.selector == "none":
        msg = f"say which version to {verb}: {ref}:NUMBER, {ref}@STAGE or {ref}@latest"
        raise Invalid(msg, ref=str(ref))
    return ref


def living(ref: Ref, version: Version | None, view: View) -> Version:
    """Answer `version`, found for `ref`, or raise `NotFound` saying why there is none."""
    if version is None:
        model = living_model(view, ref)
        raise _absent(view, model, ref)
    if version.deleted is not None:
        msg = f"{version.ref} was deleted; its history stays (modelry history {version.ref})"
        raise NotFound(msg, ref=version.ref, deleted=version.deleted)
    return version


def _absent(view: View, model: Model, ref: Ref) -> NotFound:
    if ref.selector == "pointer" and ref.value in lifecycle_of(view, ref.project):
        why = f"no version of {model.full_name} is in {ref.value}"
    elif ref.selector == "pointer":
        names = ", ".join(pointer.name for pointer in view.pointers(model)) or "none yet"
        why = f"{model.full_name} has no stage or alias {ref.value!r}; there are: {names}"
    elif ref.selector in {"none", "latest"}:
        why = f"{model.full_name} has no version yet; register one"
    else:
        why = f"{model.full_name} has no version {str(ref).partition(model.name)[2].lstrip(':@')}"
    return NotFound(f"{why} (modelry versions {model.full_name} lists them)", ref=str(ref))


def _full(ref: Ref) -> str:
    return str(Ref(ref.project, ref.name))


def record(  # noqa: PLR0913 - an event has this many facts
    world: World,
    unit: Unit,
    model: Model,
    kind: EventKind,
    number: int | None,
    body: Mapping[str, Json],
    now: int | None = None,
) -> Event:
    """Write the one event of a change, and what follows from it."""
    chain = model_chain(model.project, model.name)
    event = record_alone(world, unit, chain, kind, number, body, now)
    apply(unit, model, event)
    return event


def record_alone(  # noqa: PLR0913 - an event has this many facts
    world: World,
    unit: Unit,
    chain: str,
    kind: EventKind,
    number: int | None,
    body: Mapping[str, Json],
    now: int | None = None,
) -> Event:
    """Write an event of which nothing follows for a model; `now` is the clock's, read already."""
    event = follow(
        unit.head(chain),
        chain,
        kind,
        actor=world.surroundings.author(),
        now=world.clock.now() if now is None else now,
        number=number,
        body={**body, "request": dict(world.trace)} if world.trace else body,
    )
    unit.append(event)
    return event


def next_seq(unit: Unit, model: Model) -> int:
    """Answer the sequence number that the next event of `model` gets."""
    head = unit.head(model_chain(model.project, model.name))
    return head.seq + 1 if head else 1


def refuse_tombstone(model: Model | None) -> None:
    """Raise `Conflict` for a deleted model: its name never comes back."""
    if model is not None and model.deleted is not None:
        msg = f"{model.full_name} was deleted and its name is not given out again; choose another"
        raise Conflict(msg, model=model.full_name)
