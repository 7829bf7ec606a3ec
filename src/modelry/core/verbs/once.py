"""A change has one effect, however often its request arrives.

What a request did is kept in the transaction that did it. The same key again
finds it, changes nothing, and gets the answer: the version, model or stages
that the request was about, as they are now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

from modelry.core.access import Role
from modelry.core.accounts import (
    ACCOUNT,
    MEMBER,
    PUBLISHER,
    TOKEN,
    Account,
    Member,
    Publisher,
    Token,
    account_of,
    publisher_of,
)
from modelry.core.deployments import deployment_of
from modelry.core.errors import Conflict, Invalid
from modelry.core.events import model_chain
from modelry.core.lifecycle import Lifecycle, lifecycle_from_json, lifecycle_to_json
from modelry.core.model import Deployment, Model, Version
from modelry.core.names import Ref
from modelry.core.ports import Unit
from modelry.core.strict_json import Json
from modelry.core.tracking.model import Experiment, LoggedModel, Run
from modelry.core.verbs.world import RequestKey, World, tracking_of

Tracked = Experiment | Run | LoggedModel
Answer = (
    Version | Model | Lifecycle | Account | Member | Publisher | Token | Deployment | Tracked | None
)
T = TypeVar("T", bound=Answer)

KIND = "request"
REMEMBERED = 7 * 24 * 3600 * 1_000_000
"""Microseconds for which the key of a request is remembered."""


def change(world: World, work: Callable[[Unit], T], about: Ref | None = None) -> T:
    """Run `work` in one change, unless the request's key says that it was done already.

    `about` is the model that it is about, where that is known. Raises `Invalid`
    where the key was given to another request.
    """
    request, guard = world.request, world.guard
    if request is None and guard is None:
        return world.store.change(work)

    def once(unit: Unit) -> T:
        if about is not None:
            unit.foresee(about.project, about.name)
        done = unit.kept(KIND, request.key) if request else None
        if request is not None and done is not None:
            return cast("T", _again(unit, request, done))
        if guard is not None:
            guard(unit)
        answer = work(unit)
        if request is None:
            return answer
        body: dict[str, Json] = {"fingerprint": request.fingerprint, "answer": _answer(answer)}
        unit.keep(KIND, request.key, body, world.clock.now() + REMEMBERED)
        return answer

    return world.store.change(once)


def _answer(answer: Answer) -> Json:  # noqa: PLR0911 - one for each noun
    if isinstance(answer, Version):
        return ["version", answer.project, answer.name, answer.number]
    if isinstance(answer, Model):
        return ["model", answer.project, answer.name]
    if isinstance(answer, Deployment):
        return ["deployment", answer.project, answer.name, answer.seq]
    if isinstance(answer, Account):
        return [ACCOUNT, answer.name]
    if isinstance(answer, Member):
        return [MEMBER, answer.project, answer.account, str(answer.role), answer.since]
    if isinstance(answer, Publisher):
        return [PUBLISHER, answer.project, answer.id]
    if isinstance(answer, Token):
        return [TOKEN, answer.id]
    if isinstance(answer, Experiment):
        return ["experiment", answer.key]
    if isinstance(answer, Run | LoggedModel):
        return ["run" if isinstance(answer, Run) else "logged_model", answer.id]
    return None if answer is None else ["stages", lifecycle_to_json(answer)]


def _again(unit: Unit, request: RequestKey, done: Mapping[str, Json]) -> Answer:
    if done["fingerprint"] != request.fingerprint:
        msg = "this idempotency key was given to another request; make a new key for a new request"
        raise Invalid(msg, field="Idempotency-Key")
    kept = cast("list[str] | None", done["answer"])
    return None if kept is None else _READ[kept[0]](unit, kept[1:])


def _version(unit: Unit, kept: Sequence[str]) -> Answer:
    return unit.version(Ref(kept[0], kept[1]).at(cast("int", kept[2])))


def _deployment(unit: Unit, kept: Sequence[str]) -> Answer:
    project, name, seq = kept[0], kept[1], cast("int", kept[2])
    event = unit.events(model_chain(project, name), None, seq + 1, 1)[0]
    return deployment_of(project, name, event)


def _publisher(unit: Unit, kept: Sequence[str]) -> Answer:
    body = unit.kept(PUBLISHER, f"{kept[0]}/{kept[1]}")
    if body is None:
        msg = "the publisher of this request was made, and is trusted no more"
        raise Conflict(msg, publisher=kept[1])
    return publisher_of(kept[0], kept[1], body)


def _token(unit: Unit, kept: Sequence[str]) -> Answer:
    del unit
    msg = (
        "the token of this request was made, and its secret shown; revoke it and make another "
        f"(modelry token revoke {kept[0]})"
    )
    raise Conflict(msg, token=kept[0])


_READ: Mapping[str, Callable[[Unit, Sequence[str]], Answer]] = {
    "version": _version,
    "model": lambda unit, kept: unit.model(kept[0], kept[1]),
    "deployment": _deployment,
    "stages": lambda _, kept: lifecycle_from_json(cast("Json", kept[0])),
    ACCOUNT: lambda unit, kept: account_of(kept[0], unit.kept(ACCOUNT, kept[0])),
    MEMBER: lambda _, kept: Member(kept[0], kept[1], Role(kept[2]), cast("int", kept[3])),
    PUBLISHER: _publisher,
    TOKEN: _token,
    "experiment": lambda unit, kept: tracking_of(unit).experiment(kept[0]),
    "run": lambda unit, kept: tracking_of(unit).run(kept[0]),
    "logged_model": lambda unit, kept: tracking_of(unit).logged_model(kept[0]),
}
