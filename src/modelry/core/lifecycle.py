"""Stages, pointers and what may move between them: pure verdicts and plans.

A stage that is *pointed* has one current version, which `model@stage` names.
In an *exclusive* stage that version displaces the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from modelry.core.errors import Invalid
from modelry.core.names import check_pointer
from modelry.core.strict_json import Json

KEEP = "keep"
ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a project.

    `displaced` says where a new current version sends the others: the name of
    a stage, or `keep` to leave their label. `after` names the stages from
    which a version may come here, None for any. With `four_eyes` whoever
    registered a version may not be the one who brings it here.
    """

    name: str
    exclusive: bool = False
    pointed: bool = True
    displaced: str = KEEP
    after: frozenset[str] | None = None
    four_eyes: bool = False


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The stages of a project in their order; a new version starts in the first."""

    stages: tuple[Stage, ...]

    @property
    def initial(self) -> str:
        """The stage that a new version starts in."""
        return self.stages[0].name

    @property
    def main(self) -> str | None:
        """The stage that a ref without a selector means: the last exclusive one."""
        return next((stage.name for stage in reversed(self.stages) if stage.exclusive), None)

    @property
    def archive(self) -> str | None:
        """The stage where retired versions rest: the last one, but the first, not pointed."""
        resting = [stage.name for stage in self.stages[1:] if not stage.pointed]
        return resting[-1] if resting else None

    def stage(self, name: str) -> Stage:
        """Answer the stage called `name` in any letter case. Raises `Invalid`."""
        for stage in self.stages:
            if stage.name == name.lower():
                return stage
        names = ", ".join(stage.name for stage in self.stages)
        msg = f"there is no stage {name!r} here; choose one of: {names}"
        raise Invalid(msg, stage=name)

    def __contains__(self, name: str) -> bool:
        return any(stage.name == name for stage in self.stages)


DEFAULT_LIFECYCLE = Lifecycle(
    (
        Stage("none", pointed=False),
        Stage("staging"),
        Stage("production", exclusive=True, displaced="archived"),
        Stage("archived", pointed=False),
    )
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a change may happen, and if not why; `denied` where another person might do it."""

    allowed: bool
    reason: str = ""
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How a model stands: the numbers in each stage, last entered first; the stage pointers."""

    members: Mapping[str, Sequence[int]]
    pointers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a promotion changes: `(number, from, to)` and each pointer's new target."""

    relabels: tuple[tuple[int, str, str], ...] = ()
    points: Mapping[str, int | None] = field(default_factory=dict)


def judge(lifecycle: Lifecycle, before: str, after: str, author: str, actor: str) -> Verdict:
    """Say whether `actor` may bring a version that `author` registered from `before` to `after`."""
    stage = lifecycle.stage(after)
    if before == after:
        return Verdict(allowed=True)
    if stage.four_eyes and author == actor:
        reason = f"{actor} registered it, and {after} asks for a second pair of eyes"
        return Verdict(allowed=False, reason=reason, denied=True)
    if stage.after is None or before in stage.after:
        return Verdict(allowed=True)
    ways = ", ".join(sorted(stage.after)) or "nowhere"
    return Verdict(
        allowed=False,
        reason=f"a version comes to {after} from {ways} only, and this one is in {before}",
    )


def displacement(lifecycle: Lifecycle, stage: Stage, wish: str | None) -> str:
    """Answer where the other versions of `stage` go: a stage's name or `keep`.

    `wish` is the caller's choice, None for the project's. Raises `Invalid`
    for a choice that the project does not have.
    """
    if wish is None:
        return stage.displaced
    if wish.lower() == KEEP:
        return KEEP
    if wish.lower() == ARCHIVE:
        if lifecycle.archive is None:
            msg = "this project has no stage to archive to; choose keep or a stage's name"
            raise Invalid(msg, displace=wish)
        return lifecycle.archive
    target = lifecycle.stage(wish)
    if target.exclusive or target.name == stage.name:
        msg = f"displaced versions cannot go to {target.name}; choose archive, keep or staging"
        raise Invalid(msg, displace=wish)
    return target.name


def plan(  # noqa: PLR0913 - from where, to where, and how the model stands
    lifecycle: Lifecycle,
    standing: Standing,
    number: int,
    before: str,
    after: str,
    displaced: str,
) -> Plan:
    """Work out all that follows when version `number` goes from `before` to `after`.

    `displaced` is what `displacement` answered. A pointer whose version
    leaves an open stage goes to the one that entered it last; that of an
    exclusive stage is taken away, because nothing may go live by accident.
    """
    moved = [(number, before, after)] if before != after else []
    others = [n for n in standing.members.get(after, ()) if n != number and displaced != KEEP]
    moved += [(other, after, displaced) for other in others]
    points: dict[str, int | None] = {}
    for name in sorted({before, displaced} - {after, KEEP}):
        staying = [n for n in standing.members.get(name, ()) if n != number]
        present = staying + (others if name == displaced else [])
        heir = _heir(lifecycle.stage(name), present, standing.pointers.get(name))
        if heir != standing.pointers.get(name):
            points[name] = heir
    if lifecycle.stage(after).pointed and standing.pointers.get(after) != number:
        points[after] = number
    return Plan(tuple(moved), points)


def _heir(stage: Stage, present: Sequence[int], current: int | None) -> int | None:
    """Answer whom the pointer of `stage` names once only `present` are in it."""
    if current in present or not stage.pointed:
        return current
    return present[0] if present and not stage.exclusive else None


def lifecycle_to_json(lifecycle: Lifecycle) -> list[Json]:
    """Write stages as the JSON that `lifecycle_from_json` reads."""
    return [
        {
            "name": stage.name,
            "exclusive": stage.exclusive,
            "pointed": stage.pointed,
            "displaced": stage.displaced,
            "after": None if stage.after is None else sorted(stage.after),
            "four_eyes": stage.four_eyes,
        }
        for stage in lifecycle.stages
    ]


def lifecycle_from_json(value: Json) -> Lifecycle:
    """Read stages: a list of names or of objects with the fields of `Stage`.

    Raises `Invalid` where they contradict each other.
    """
    if not isinstance(value, list) or len(value) < 2:  # noqa: PLR2004 - a start and a goal
        msg = "stages are a list of at least two: where versions start, and where they go"
        raise Invalid(msg)
    lifecycle = Lifecycle(tuple(_stage(item, first=at == 0) for at, item in enumerate(value)))
    _check(lifecycle)
    return lifecycle


_FIELDS = {
    "name": str,
    "exclusive": bool,
    "pointed": bool,
    "displaced": str,
    "after": list,
    "four_eyes": bool,
}


def _stage(item: Json, *, first: bool) -> Stage:
    given: Mapping[str, Json] = {"name": item} if isinstance(item, str) else cast(
        "Mapping[str, Json]", item if isinstance(item, dict) else {})  # fmt: skip
    for key, value in given.items():
        kind = _FIELDS.get(key)
        if kind is None or not (isinstance(value, kind) or (key == "after" and value is None)):
            msg = f"a stage cannot have {key} = {value!r}; it has name, exclusive (true or "
            msg += "false), pointed (true or false), displaced (a stage or keep), after (a list), four_eyes (true or false)"
            raise Invalid(msg, stage=str(given.get("name", "")))
    if "name" not in given:
        msg = f"every stage needs a name, and {item!r} has none"
        raise Invalid(msg)
    after = cast("list[str] | None", given.get("after"))
    return Stage(
        check_pointer(str(given["name"]), "a stage"),
        exclusive=bool(given.get("exclusive", False)),
        pointed=bool(given.get("pointed", not first)),
        displaced=str(given.get("displaced", KEEP)).lower(),
        after=None if after is None else frozenset(str(name).lower() for name in after),
        four_eyes=bool(given.get("four_eyes", False)),
    )


def _check(lifecycle: Lifecycle) -> None:
    names = [stage.name for stage in lifecycle.stages]
    if len(set(names)) < len(names) or KEEP in names:
        msg = f"stage names must differ from one another and from 'keep': {', '.join(names)}"
        raise Invalid(msg)
    for at, stage in enumerate(lifecycle.stages):
        _check_stage(lifecycle, stage, first=at == 0)


def _check_stage(lifecycle: Lifecycle, stage: Stage, *, first: bool) -> None:
    if first and (stage.pointed or stage.exclusive):
        msg = f"versions start in {stage.name}, so it can be neither pointed nor exclusive"
        raise Invalid(msg, stage=stage.name)
    if stage.exclusive and not stage.pointed:
        msg = f"{stage.name} is exclusive, so it must be pointed"
        raise Invalid(msg, stage=stage.name)
    for name in sorted(stage.after or ()):
        lifecycle.stage(name)
    if stage.displaced != KEEP:
        displacement(lifecycle, stage, stage.displaced)
