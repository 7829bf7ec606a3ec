"""What a hand did to the file becomes events: what was added, removed, moved, reworded.

A version's sealed facts (path, time, metrics, parameters) cannot be edited,
numbers only rise, and the project's stages are obeyed. What breaks such a
rule is refused, naming the line, and the file stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack

from modelry.core.entries import OURS
from modelry.core.errors import Conflict, Invalid
from modelry.core.events import EventKind, follow, model_chain, time_after
from modelry.core.lifecycle import KEEP, Lifecycle, Stage, judge
from modelry.core.model import Environment, Model, Pointer, Version
from modelry.core.names import Ref
from modelry.core.replay import apply
from modelry.core.sealing import digest_of, document, environment_text, sha256_of
from modelry.core.strict_json import Json
from modelry.core.verbs.promote import Step, body_of, plan_of, stage_pointers
from modelry.core.verbs.register import new_model
from modelry.core.verbs.witness import Seen
from modelry.core.verbs.world import lifecycle_of, next_seq
from modelry.stores.held import HeldUnit
from modelry.stores.jsonfile.document import HAND, Claim, Reader, claimed

_ENVIRONMENT = environment_text(Environment("unknown", "unknown", {}))
_SENT_TO = "staging"
"""Where a hand that puts another version into production sends the one that was there."""


Witness = Callable[[str], AbstractContextManager[Seen | None]]
"""Sees the bytes at the path of an entry, and keeps them until its context ends."""


class Hand:
    """Brings a unit to what the entries of a file claim, at the time `now`.

    The bytes that `witness` sees are kept by `kept`, which must stay open until
    the unit is committed.
    """

    def __init__(
        self, unit: HeldUnit, reader: Reader, now: int, witness: Witness, kept: ExitStack
    ) -> None:
        self._unit, self._reader, self._now = unit, reader, now
        self._witness, self._kept = witness, kept

    def follow(self, claims: Sequence[Claim]) -> None:
        """Record every difference. Raises `Corrupt` naming the line of what cannot be."""
        asked = self._by_ref(claims)
        stored = {_ref_of(each): each for _, each in self._unit.standing()}
        for ref in sorted(stored.keys() - asked.keys(), key=str):
            self._removed(stored[ref])
        rising = sorted(asked.values(), key=lambda claim: claim.ref.number)
        for claim in rising:
            self._guarded(claim, self._reworded if claim.ref in stored else self._added)
        moving = [each for each in rising if each.status not in {None, self._stands(each).stage}]
        for claim in sorted(moving, key=self._goes_live):
            self._guarded(claim, self._moved)
        for claim in rising:
            self._guarded(claim, self._aliased)

    def _by_ref(self, claims: Sequence[Claim]) -> dict[Ref, Claim]:
        found: dict[Ref, Claim] = {}
        aliases: set[tuple[str, str, str]] = set()
        for claim in claims:
            named = {(claim.ref.project, claim.ref.name, alias) for alias in claim.aliases}
            if claim.ref in found or named & aliases:
                why = "stands there twice" if claim.ref in found else "has the alias of another"
                raise self._reader.broken(claim.index, f"{claim.ref} {why}")
            found[claim.ref] = claim
            aliases |= named
            self._guarded(claim, self._known_project)
        return found

    def _known_project(self, claim: Claim) -> None:
        if self._unit.lifecycle(claim.ref.project) is None:
            msg = f"there is no project {claim.ref.project!r}; make it first"
            raise Invalid(msg)

    def _guarded(self, claim: Claim, do: Callable[[Claim], None]) -> None:
        try:
            do(claim)
        except (Conflict, Invalid) as error:
            raise self._reader.broken(claim.index, f"{claim.ref}: {error.message}") from error

    def _removed(self, version: Version) -> None:
        model = self._model(version)
        named = [each for each in self._unit.pointers(model) if each.number == version.number]
        body: dict[str, Json] = {
            "buried": [version.number],
            "moves": [self._left(model, pointer) for pointer in named],
            "comment": "",
        }
        self._record(model, EventKind.DELETED, version.number, body)

    def _left(self, model: Model, pointer: Pointer) -> Json:
        """Answer the move of a pointer whose version is gone: of an open stage, to the next one."""
        stages = {each.name: each for each in lifecycle_of(self._unit, model.project).stages}
        heirs: Sequence[int] = ()
        if pointer.kind == "stage" and not stages[pointer.name].exclusive:
            heirs = [n for n in self._unit.members(model, pointer.name) if n != pointer.number]
        heir = heirs[0] if heirs else None
        return [pointer.name, pointer.kind, heir, next_seq(self._unit, model), pointer.entry]

    def _added(self, claim: Claim) -> None:
        ref = claim.ref
        model = self._unit.model(ref.project, ref.name)
        _refuse_return(claim, model)
        now = time_after(self._unit.head(model_chain(ref.project, ref.name)), self._now)
        born: dict[str, Json] = {}
        if model is None:
            model = self._unit.add_model(new_model(Ref(ref.project, claim.name), HAND, now))
            born = {"model": {"name": model.name, "description": "", "tags": {}}}
        stage = lifecycle_of(self._unit, ref.project).initial
        self._unit.add_environment(sha256_of(_ENVIRONMENT), _ENVIRONMENT)
        kept = self._unit.add_version(model, _version(model, claim, stage, now, self._see(claim)))
        self._record(model, EventKind.REGISTERED, kept.number, {
            "version": kept.version, "digest": kept.digest, "stage": stage,
            "sealed": sha256_of(document(kept)), "tags": kept.tags,
            "description": kept.description, **born,
        })  # fmt: skip

    def _see(self, claim: Claim) -> Seen:
        found = self._kept.enter_context(self._witness(claim.path)) if claim.path else None
        return found or Seen("folder", (), None)

    def _reworded(self, claim: Claim) -> None:
        version, said = self._stands(claim), claim.said
        _refuse_sealed(claim, version)
        if (said.tags, said.description) == (version.tags, version.description):
            return
        described = said.description != version.description
        kind = EventKind.DESCRIBED if described else EventKind.TAGGED
        body: dict[str, Json] = {"tags": dict(said.tags), "description": said.description}
        self._record(self._model(version), kind, version.number, body)

    def _goes_live(self, claim: Claim) -> bool:
        stages = lifecycle_of(self._unit, claim.ref.project).stages
        return any(stage.exclusive and stage.name == claim.status for stage in stages)

    def _moved(self, claim: Claim) -> None:
        version = self._stands(claim)
        model, lifecycle = self._model(version), lifecycle_of(self._unit, version.project)
        target = lifecycle.stage(str(claim.status))
        verdict = judge(lifecycle, version.stage, target.name, version.author, HAND)
        if not verdict.allowed:
            msg = f"it cannot go to {target.name}: {verdict.reason}"
            raise Conflict(msg)
        step = Step(version, target.name, _displaced(lifecycle, target))
        changes = plan_of(self._unit, model, lifecycle, stage_pointers(self._unit, model), step)
        body = body_of(self._unit, model, changes, version.stage, target.name, "")
        kind = EventKind.ARCHIVED if target.name == lifecycle.archive else EventKind.PROMOTED
        self._record(model, kind, version.number, body)

    def _aliased(self, claim: Claim) -> None:
        version = self._stands(claim)
        for name in sorted(set(version.aliases) ^ set(claim.aliases)):
            self._alias(self._model(version), name, version.number, there=name in claim.aliases)

    def _alias(self, model: Model, name: str, number: int, *, there: bool) -> None:
        if name in lifecycle_of(self._unit, model.project):
            msg = f"{name!r} is a stage of this project; choose another alias"
            raise Conflict(msg)
        last = self._unit.move(model, name, None)
        kind = EventKind.ALIAS_SET if there else EventKind.ALIAS_REMOVED
        row: list[Json] = [name, "alias", number if there else None]
        row += [next_seq(self._unit, model), last.entry if last else None]
        body: dict[str, Json] = {"alias": name, "moves": [row], "comment": ""}
        self._record(model, kind, number, body)

    def _stands(self, claim: Claim) -> Version:
        found = self._unit.version(claim.ref)
        assert found is not None  # noqa: S101 - it was there, or was added just now
        return found

    def _model(self, version: Version) -> Model:
        found = self._unit.model(version.project, version.name)
        assert found is not None  # noqa: S101 - its version is there
        return found

    def _record(self, model: Model, kind: EventKind, number: int, body: Mapping[str, Json]) -> None:
        chain = model_chain(model.project, model.name)
        event = follow(
            self._unit.head(chain), chain, kind, actor=HAND, now=self._now, number=number, body=body
        )
        self._unit.append(event)
        apply(self._unit, model, event)


def _ref_of(version: Version) -> Ref:
    return Ref(version.project, version.name.lower(), "number", "", version.number)


def _refuse_return(claim: Claim, model: Model | None) -> None:
    """Refuse numbers that were given out, and what only a history could tell."""
    if model is not None and model.deleted is not None:
        msg = f"{model.full_name} was deleted and its name is not given out again"
        raise Conflict(msg)
    following = model.last_number + 1 if model else 1
    if claim.ref.number < following:
        msg = f"numbers only rise and never come back: the next of this model is {following}"
        raise Conflict(msg)
    if claim.ours:
        msg = (
            f"{OURS!r} under metadata tells what the history knows, and it knows no such version; "
            f"bring the history back, or take {OURS!r} away to keep the version by its path"
        )
        raise Conflict(msg)


def _refuse_sealed(claim: Claim, version: Version) -> None:
    """Refuse what an edit cannot change, naming it."""
    stood = claimed(version)
    facts = {
        "path": (claim.path, stood.path),
        "creation_timestamp": (claim.created or stood.created, stood.created),
        "metrics": (claim.said.metrics, stood.said.metrics),
        "parameters": (claim.said.params, stood.said.params),
        OURS: (claim.ours or stood.ours, stood.ours),
    }
    for name, (given, sealed) in facts.items():
        if given != sealed:
            msg = f"{name} cannot be edited; put back {sealed!r}, or register a new version"
            raise Conflict(msg)


def _version(model: Model, claim: Claim, stage: str, now: int, seen: Seen) -> Version:
    """Make a version of what was seen at its path; of nothing, where nothing lay there."""
    return Version(
        id=0,
        project=model.project,
        name=model.name,
        number=claim.ref.number,
        version=str(claim.ref.number),
        stage=stage,
        aliases=(),
        digest=digest_of(seen.files),
        kind=seen.kind,
        files=seen.files,
        size=sum(file.size for file in seen.files),
        metrics=claim.said.metrics,
        params=claim.said.params,
        tags=claim.said.tags,
        datasets=(),
        description=claim.said.description,
        findings=seen.findings,
        source=claim.path,
        run_id=None,
        base=None,
        commit=None,
        environment=sha256_of(_ENVIRONMENT),
        author=HAND,
        created=now if claim.created is None else claim.created,
    )


def _displaced(lifecycle: Lifecycle, target: Stage) -> str:
    if not target.exclusive:
        return KEEP
    back = [each.name for each in lifecycle.stages if not each.exclusive]
    return _SENT_TO if _SENT_TO in back else target.displaced
