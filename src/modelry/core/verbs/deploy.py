"""Recording where versions are deployed, and listing it: nothing but events, written and read."""

from __future__ import annotations

from modelry.core.deployments import check_target, deployment_of
from modelry.core.events import EventKind, LogFilter, LogPlace, model_chain
from modelry.core.model import Deployment, Model, Page
from modelry.core.names import MAX_TEXT, Ref, check_text
from modelry.core.ports import Unit, View
from modelry.core.strict_json import Json
from modelry.core.verbs import once
from modelry.core.verbs.look import below_of, page_limit
from modelry.core.verbs.world import World, exact, living_model, living_version, record

_BATCH = 200


def deploy(world: World, ref: Ref, target: str, comment: str) -> Deployment:
    """Record that a version is at `target` from now on."""
    where = check_target(target)
    check_text(comment, "the comment", MAX_TEXT)

    def change(unit: Unit) -> Deployment:
        version = living_version(unit, exact(ref, "deploy"))
        model = living_model(unit, ref)
        body: dict[str, Json] = {"target": where, "version": version.version, "comment": comment}
        event = record(world, unit, model, EventKind.DEPLOYED, version.number, body)
        return deployment_of(model.project, model.name, event)

    return once.change(world, change)


def deployments(
    world: World, ref: Ref, target: str | None, limit: int, cursor: str | None
) -> Page[Deployment]:
    """List the deployments of a model, latest first, to one target or to all."""
    wanted = page_limit(limit) + 1
    where = None if target is None else check_target(target)
    below = below_of(cursor)
    with world.store.read() as view:
        found = _found(view, living_model(view, ref), where, below, wanted)
    more = len(found) > limit
    return Page(tuple(found[:limit]), str(found[limit - 1].seq) if more else None)


def _found(
    view: View, model: Model, target: str | None, below: int | None, wanted: int
) -> list[Deployment]:
    chain = model_chain(model.project, model.name)
    kind = LogFilter(chain=chain, kinds=frozenset({EventKind.DEPLOYED}))
    before = None if below is None else _place(view, chain, below)
    found: list[Deployment] = []
    while len(found) < wanted:
        batch = view.log(kind, before, _BATCH)
        read = (deployment_of(model.project, model.name, event) for event in batch)
        found += [each for each in read if target is None or each.target == target]
        if len(batch) < _BATCH:
            break
        before = LogPlace(batch[-1].at, chain, batch[-1].seq)
    return found[:wanted]


def _place(view: View, chain: str, below: int) -> LogPlace:
    """Answer where in the log the events of a chain below sequence `below` begin."""
    at = [event.at for event in view.events(chain, None, below + 1, 1)]
    return LogPlace(at[0] if at else 0, chain, below)
