"""Moving versions between stages: promote, archive, roll back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from modelry.core.errors import Conflict, Denied, Invalid
from modelry.core.events import EventKind, model_chain
from modelry.core.lifecycle import KEEP, Lifecycle, Plan, Standing, displacement, judge, plan
from modelry.core.model import Model, Move, Version
from modelry.core.names import MAX_TEXT, Ref, check_text
from modelry.core.ports import Unit, View
from modelry.core.strict_json import Json
from modelry.core.verbs import once
from modelry.core.verbs.catalogue import Sheet, sheet
from modelry.core.verbs.permit import deny
from modelry.core.verbs.world import (
    World,
    exact,
    lifecycle_of,
    living_model,
    living_version,
    next_seq,
    record,
)


@dataclass(frozen=True, slots=True)
class Wish:
    """Where a version is to go.

    `displace` says where the others of the stage go then, None what the
    project says; `expect` which number the stage must name, None any.
    """

    stage: str
    displace: str | None = None
    expect: str | None = None
    comment: str = ""


Choice = Callable[[Lifecycle], Wish]


def promote(world: World, ref: Ref, wish: Wish) -> Version:
    """Move a version into a stage; it becomes the stage's current version."""
    check_text(wish.comment, "the comment", MAX_TEXT)
    return _change(world, ref, lambda unit: _promote(world, unit, ref, lambda _: wish).version)


def transition(world: World, ref: Ref, choice: Choice) -> Sheet:
    """Do the same, as `choice` decides who is shown the project's stages; answer how it stands."""
    made: list[Sheet] = []

    def work(unit: Unit) -> Version:
        made.append(_promote(world, unit, ref, choice))
        return made[-1].version

    version = _change(world, ref, work)
    return made[-1] if made else sheet(world, ref.at(version.number))


def _change(world: World, ref: Ref, work: Callable[[Unit], Version]) -> Version:
    try:
        return once.change(world, work, ref)
    except Denied as denial:
        _record_denial(world, ref, denial)
        raise


def _record_denial(world: World, ref: Ref, denial: Denied) -> None:
    """Keep who was denied what: the one trace that a refusal leaves."""
    number, stage = int(str(denial.facts["number"])), str(denial.facts["stage"])
    chain = model_chain(ref.project, ref.name)
    deny(world, chain, "promote", denial.message, number=number, to=stage)


def _promote(world: World, unit: Unit, ref: Ref, choice: Choice) -> Sheet:
    model = living_model(unit, ref)
    lifecycle = lifecycle_of(unit, ref.project)
    wish = choice(lifecycle)
    target = lifecycle.stage(wish.stage)
    version = living_version(unit, exact(ref, "promote"))
    pointers = stage_pointers(unit, model)
    _refuse_surprise(model, target.name, pointers.get(target.name), wish.expect)
    actor = world.surroundings.author()
    verdict = judge(lifecycle, version.stage, target.name, version.author, actor)
    if not verdict.allowed:
        msg = f"{version.ref} cannot go to {target.name}: {verdict.reason}"
        kind = Denied if verdict.denied else Conflict
        raise kind(msg, ref=version.ref, number=version.number, stage=target.name)
    displaced = displacement(lifecycle, target, wish.displace)
    changes = plan_of(unit, model, lifecycle, pointers, Step(version, target.name, displaced))
    if not changes.relabels and not changes.points:
        return Sheet(model, lifecycle, version, unit.changed(model, version.number))
    archived = target.name == lifecycle.archive
    body = body_of(unit, model, changes, version.stage, target.name, wish.comment)
    kind_of = EventKind.ARCHIVED if archived else EventKind.PROMOTED
    event = record(world, unit, model, kind_of, version.number, body)
    moved = replace(version, stage=target.name)
    return Sheet(replace(model, updated=event.at), lifecycle, moved, event.at)


def archive(world: World, ref: Ref, comment: str) -> Version:
    """Move a version to the stage where retired versions rest."""
    with world.store.read() as view:
        stage = lifecycle_of(view, ref.project).archive
    if stage is None:
        msg = f"the project {ref.project} has no stage to archive to (modelry stages show)"
        raise Invalid(msg, project=ref.project)
    return promote(world, exact(ref, "archive"), Wish(stage, comment=comment))


def rollback(world: World, ref: Ref, stage: str | None, comment: str) -> Version:
    """Bring back what a stage named before, one step further with each call."""
    check_text(comment, "the comment", MAX_TEXT)
    return once.change(world, lambda unit: _rollback(world, unit, ref, stage, comment), ref)


def _rollback(world: World, unit: Unit, ref: Ref, stage: str | None, comment: str) -> Version:
    model = living_model(unit, ref)
    lifecycle = lifecycle_of(unit, ref.project)
    target = lifecycle.stage(stage or _main(lifecycle, ref))
    earlier = _earlier(unit, model, target.name)
    number = earlier.number or 0
    version = living_version(unit, ref.at(number)) if _lives(unit, ref, number) else None
    if version is None:
        msg = (
            f"{target.name} of {model.full_name} named version {number} before, which was "
            "deleted; promote another version instead"
        )
        raise Conflict(msg, model=model.full_name, stage=target.name, number=number)
    step = Step(version, target.name, target.displaced)
    changes = plan_of(unit, model, lifecycle, stage_pointers(unit, model), step)
    body = body_of(unit, model, changes, version.stage, target.name, comment, earlier)
    record(world, unit, model, EventKind.ROLLED_BACK, number, body)
    return living_version(unit, ref.at(number))


def _main(lifecycle: Lifecycle, ref: Ref) -> str:
    if lifecycle.main is None:
        msg = f"the project {ref.project} has no exclusive stage; say which stage to roll back"
        raise Invalid(msg, project=ref.project)
    return lifecycle.main


def _lives(view: View, ref: Ref, number: int) -> bool:
    version = view.version(ref.at(number))
    return version is not None and version.deleted is None


def _earlier(view: View, model: Model, stage: str) -> Move:
    """Answer the move that a rollback of `stage` returns to. Raises `Conflict`."""
    last = view.move(model, stage, None)
    step = last
    while step is not None and step.below is not None:
        step = view.move(model, stage, step.below)
        if step is not None and last and step.number not in {None, last.number}:
            return step
    msg = f"{stage} of {model.full_name} has no earlier version to go back to"
    raise Conflict(msg, model=model.full_name, stage=stage)


@dataclass(frozen=True, slots=True)
class Step:
    """Which version goes to which stage, and where those go that it displaces (or `keep`)."""

    version: Version
    after: str
    displaced: str


def stage_pointers(view: View, model: Model) -> Mapping[str, int]:
    """Answer the number that each stage of a model names."""
    return {each.name: each.number for each in view.pointers(model) if each.kind == "stage"}


def plan_of(
    view: View, model: Model, lifecycle: Lifecycle, pointers: Mapping[str, int], step: Step
) -> Plan:
    """Work out all that follows from a step; looks only into the stages that it concerns."""
    version, after, displaced = step.version, step.after, step.displaced
    left = {version.stage} - {after} if displaced == KEEP else {version.stage, after, displaced}
    members = {
        name: view.members(model, name) for name in sorted(left) if lifecycle.stage(name).pointed
    }
    standing = Standing(members, pointers)
    return plan(lifecycle, standing, version.number, version.stage, after, displaced)


def _refuse_surprise(model: Model, stage: str, current: int | None, expect: str | None) -> None:
    """Raise `Conflict` where somebody else was faster than a caller who looked first."""
    if expect is None:
        return
    wanted = None if expect.lower() == "none" else expect.lower().lstrip("v")
    if wanted != (None if current is None else str(current)):
        now = "nothing" if current is None else f"version {current}"
        msg = f"{stage} of {model.full_name} names {now} now, not {expect}; look again and decide"
        raise Conflict(msg, model=model.full_name, stage=stage, current=current)


def body_of(  # noqa: PLR0913 - the facts of a move
    unit: Unit,
    model: Model,
    changes: Plan,
    before: str,
    after: str,
    comment: str,
    restored: Move | None = None,
) -> Mapping[str, Json]:
    """Answer the body of the event by which a version goes from one stage to another."""
    seq = next_seq(unit, model)
    moves: list[Json] = []
    for name, number in sorted(changes.points.items()):
        if restored is not None and name == after:
            moves.append([name, "stage", number, restored.entry, restored.below])
        else:
            last = unit.move(model, name, None)
            moves.append([name, "stage", number, seq, last.entry if last else None])
    return {
        "from": before,
        "to": after,
        "stages": [list(row) for row in changes.relabels],
        "moves": moves,
        "comment": comment,
    }
