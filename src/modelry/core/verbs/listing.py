"""Lists as pages with a total, for callers that leap to a page; and ids read back to refs."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from modelry.core.access import EVERYWHERE, Action
from modelry.core.errors import Invalid, NotFound
from modelry.core.events import REGISTRY
from modelry.core.model import ModelSummary, Stamp, Version
from modelry.core.names import MAX_TEXT, Ref, check_text
from modelry.core.ports import View
from modelry.core.verbs.look import page_limit
from modelry.core.verbs.permit import deny, readable, told
from modelry.core.verbs.world import World, lifecycle_of, living_model

MAX_SKIP = 1_000_000
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Leaf(Generic[T]):
    """The items from `skip` on, and how many there are in all."""

    items: tuple[T, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Summary:
    """How many models and versions live, and how many versions in each stage."""

    models: int
    versions: int
    stages: Mapping[str, int]


def find_models(
    world: World, project: str | None, contains: str, skip: int, limit: int
) -> Leaf[ModelSummary]:
    """List living models that have `contains` in their name, in any letter case."""
    check_text(contains, "the name to look for", MAX_TEXT)
    scope = readable(world, project)
    with world.store.read() as view:
        if project is not None:
            lifecycle_of(view, project)
        found, total = view.find_models(scope, contains, _skip(skip), page_limit(limit))
    return Leaf(tuple(found), total)


def find_versions(
    world: World, ref: Ref, stage: str | None, skip: int, limit: int
) -> Leaf[Version]:
    """List the living versions of a model, newest first."""
    with world.store.read() as view:
        model = living_model(view, ref)
        name = lifecycle_of(view, ref.project).stage(stage).name if stage else None
        counts = view.count_versions(None, model)
        found = view.versions(model, name, None, page_limit(limit), _skip(skip))
    return Leaf(tuple(found), counts.get(name, 0) if name else sum(counts.values()))


def summary(world: World, project: str | None) -> Summary:
    """Count what lives in a project, or in all that the actor may read."""
    scope = readable(world, project)
    with world.store.read() as view:
        if project is not None:
            lifecycle_of(view, project)
        counts = view.count_versions(scope)
        models = view.count_models(scope)
    return Summary(models, sum(counts.values()), dict(sorted(counts.items())))


def stamps(view: View, versions: Collection[Version]) -> Mapping[str, Stamp]:
    """Answer by ref when each version last changed, and who approved it for its main stage."""
    found: dict[str, Stamp] = {}
    by_model: dict[tuple[str, str], list[Version]] = {}
    for version in versions:
        by_model.setdefault((version.project, version.name), []).append(version)
    for (project, name), each in by_model.items():
        model = view.model(project, name)
        main = lifecycle_of(view, project).main
        known = view.stamps(model, [one.number for one in each], main) if model else {}
        found.update({one.ref: known[one.number] for one in each if one.number in known})
    return found


def identify_model(world: World, uid: str) -> Ref:
    """Answer the model that an opaque id means. Raises `NotFound`, also where it is not for one."""
    with world.store.read() as view:
        model = view.find_model(uid) if _UUID.fullmatch(uid) else None
    if model is not None and world.actor.may(Action.READ, model.project):
        return Ref(model.project, model.name)
    raise _unknown(world, "model", uid)


def identify_version(world: World, uid: str) -> Ref:
    """Answer the version that an opaque id means, likewise."""
    with world.store.read() as view:
        version = view.find_version(uid) if _UUID.fullmatch(uid) else None
    if version is not None and world.actor.may(Action.READ, version.project):
        return Ref(version.project, version.name).at(version.number)
    raise _unknown(world, "version", uid)


def _unknown(world: World, noun: str, uid: str) -> NotFound:
    absent = NotFound(f"there is no {noun} with the id {uid!r}", id=uid)
    if world.actor.role_in(EVERYWHERE) is None:
        deny(world, REGISTRY, f"read a {noun} by id", "is not a member", uid)
        return told(absent)
    return absent


def _skip(skip: int) -> int:
    if not 0 <= skip <= MAX_SKIP:
        msg = f"skip is 0 to {MAX_SKIP}, not {skip}; follow `next` for long lists"
        raise Invalid(msg, field="skip")
    return skip
