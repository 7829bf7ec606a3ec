"""Aliases: free names that point at one version each."""

from __future__ import annotations

from modelry.core.errors import Conflict, NotFound
from modelry.core.events import EventKind
from modelry.core.model import Version
from modelry.core.names import Ref, check_pointer
from modelry.core.ports import Unit
from modelry.core.strict_json import Json
from modelry.core.verbs import once
from modelry.core.verbs.world import (
    World,
    exact,
    lifecycle_of,
    living_model,
    living_version,
    next_seq,
    record,
)


def set_alias(world: World, ref: Ref, name: str, target: Ref, comment: str) -> Version:
    """Point the alias `name` of model `ref` at `target`, wherever it pointed before."""
    key = check_pointer(name, "an alias")

    def change(unit: Unit) -> Version:
        if key in lifecycle_of(unit, ref.project):
            msg = f"{key!r} is a stage of this project; promote to it, or choose another alias"
            raise Conflict(msg, alias=key)
        model = living_model(unit, ref)
        version = living_version(unit, exact(target, "point at"))
        if key in version.aliases:
            return version
        last = unit.move(model, key, None)
        below = last.entry if last else None
        move: Json = [key, "alias", version.number, next_seq(unit, model), below]
        body: dict[str, Json] = {"alias": key, "moves": [move], "comment": comment}
        record(world, unit, model, EventKind.ALIAS_SET, version.number, body)
        return living_version(unit, ref.at(version.number))

    return once.change(world, change)


def remove_alias(world: World, ref: Ref, name: str, comment: str) -> None:
    """Take the alias `name` away from its model."""
    key = check_pointer(name, "an alias")

    def change(unit: Unit) -> None:
        model = living_model(unit, ref)
        found = {each.name: each for each in unit.pointers(model) if each.kind == "alias"}
        if key not in found:
            names = ", ".join(sorted(found)) or "none"
            msg = f"{model.full_name} has no alias {key!r}; it has: {names}"
            raise NotFound(msg, alias=key)
        pointer = found[key]
        move: Json = [key, "alias", None, next_seq(unit, model), pointer.entry]
        body: dict[str, Json] = {"alias": key, "moves": [move], "comment": comment}
        record(world, unit, model, EventKind.ALIAS_REMOVED, pointer.number, body)

    once.change(world, change)
