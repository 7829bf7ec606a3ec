"""What may change about a sealed version and its model: tags and descriptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from modelry.core.draft import bounded_tags
from modelry.core.errors import Conflict, Invalid, NotFound
from modelry.core.events import EventKind, model_chain, time_after
from modelry.core.model import Model, Version
from modelry.core.names import MAX_DESCRIPTION, Ref, check_text
from modelry.core.ports import Unit
from modelry.core.selection import TITLE, name_for
from modelry.core.strict_json import Json
from modelry.core.verbs import once
from modelry.core.verbs.register import new_model
from modelry.core.verbs.world import (
    World,
    lifecycle_of,
    living_model,
    living_version,
    record,
    refuse_tombstone,
)


def create_model(
    world: World, ref: Ref, description: str, tags: Mapping[str, str], *, fresh: bool = False
) -> Model:
    """Make a model before it has a version. Answers the one that is there already.

    With `fresh` one that is there already is a `Conflict`.
    """
    check_text(description, "the description", MAX_DESCRIPTION)
    _refuse_borrowed(ref.name, tags)

    def change(unit: Unit) -> Model:
        lifecycle_of(unit, ref.project)
        existing = unit.model(ref.project, ref.name)
        refuse_tombstone(existing)
        if existing is not None and fresh:
            msg = f"there is a model {existing.full_name} already; choose another name"
            raise Conflict(msg, model=existing.full_name)
        if existing is not None:
            return existing
        head = unit.head(model_chain(ref.project, ref.name))
        clock = world.clock.now()
        made = new_model(ref, world.surroundings.author(), time_after(head, clock))
        model = unit.add_model(replace(made, description=description, tags=tags))
        born: Json = {"name": model.name, "description": description, "tags": dict(tags)}
        record(world, unit, model, EventKind.MODEL_CREATED, None, {"model": born}, clock)
        return living_model(unit, ref)

    return once.change(world, change)


@dataclass(frozen=True, slots=True)
class Wording:
    """What is to be said of a model or version; what is None stays as it is.

    `tags` replaces all tags; then `add` sets some and `remove` takes some away.
    """

    description: str | None = None
    tags: Mapping[str, str] | None = None
    add: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


def tag(world: World, ref: Ref, tags: Mapping[str, str], remove: Iterable[str]) -> None:
    """Set and remove tags of a version, or of the model where `ref` names no version."""
    reword(world, ref, Wording(add=tags, remove=tuple(remove)))


def describe(world: World, ref: Ref, description: str) -> None:
    """Replace the description of a version, or of the model where `ref` names no version."""
    reword(world, ref, Wording(description))


def reword(world: World, ref: Ref, wording: Wording) -> None:
    """Change what is said of a version, or of the model where `ref` names no version, at once."""
    if wording.description is not None:
        check_text(wording.description, "the description", MAX_DESCRIPTION)

    def change(unit: Unit) -> None:
        noun = _noun(unit, ref)
        absent = [name for name in wording.remove if name not in noun.tags]
        if absent:
            msg = f"{_name(noun)} has no tag {absent[0]!r}"
            raise NotFound(msg, tag=absent[0])
        before = noun.tags if wording.tags is None else wording.tags
        kept = {name: value for name, value in before.items() if name not in wording.remove}
        said = noun.description if wording.description is None else wording.description
        _write(world, unit, ref, noun, bounded_tags({**kept, **wording.add}), said)

    once.change(world, change)


def _refuse_borrowed(name: str, tags: Mapping[str, str]) -> None:
    """Refuse a title that is not this model's: lists would show one model as another."""
    title = tags.get(TITLE)
    if title is not None and name_for(title).lower() != name.lower():
        msg = (
            f"the tag {TITLE} says how other protocols call {name}, and {title!r} is not its title"
        )
        raise Invalid(msg, tag=TITLE)


def _noun(unit: Unit, ref: Ref) -> Model | Version:
    return living_model(unit, ref) if ref.selector == "none" else living_version(unit, ref)


def _name(noun: Model | Version) -> str:
    return noun.ref if isinstance(noun, Version) else noun.full_name


def _write(  # noqa: PLR0913 - the noun, and the two things that may change
    world: World,
    unit: Unit,
    ref: Ref,
    noun: Model | Version,
    tags: Mapping[str, str],
    description: str,
) -> None:
    if (dict(noun.tags), noun.description) == (dict(tags), description):
        return
    described = noun.description != description
    body: dict[str, Json] = {"tags": dict(tags), "description": description}
    if isinstance(noun, Version):
        kind = EventKind.DESCRIBED if described else EventKind.TAGGED
        record(world, unit, living_model(unit, ref), kind, noun.number, body)
    else:
        _refuse_borrowed(noun.name, tags)
        kind = EventKind.MODEL_DESCRIBED if described else EventKind.MODEL_TAGGED
        record(world, unit, noun, kind, None, body)
