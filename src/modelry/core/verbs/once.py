"""A change has one effect, however often its request arrives.

What a request did is kept in the transaction that did it. The same key again
finds it, changes nothing, and gets the answer: the version, model or stages
that the request was about, as they are now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from modelry.core.errors import Invalid
from modelry.core.lifecycle import Lifecycle, lifecycle_from_json, lifecycle_to_json
from modelry.core.model import Model, Version
from modelry.core.names import Ref
from modelry.core.ports import Unit
from modelry.core.strict_json import Json
from modelry.core.verbs.world import RequestKey, World

T = TypeVar("T", bound=Version | Model | Lifecycle | None)

KIND = "request"
REMEMBERED = 7 * 24 * 3600 * 1_000_000
"""Microseconds for which the key of a request is remembered."""


def change(world: World, work: Callable[[Unit], T]) -> T:
    """Run `work` in one change, unless the request's key says that it was done already.

    Raises `Invalid` where the key was given to another request.
    """
    request, guard = world.request, world.guard
    if request is None and guard is None:
        return world.store.change(work)

    def once(unit: Unit) -> T:
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


def _answer(answer: Version | Model | Lifecycle | None) -> Json:
    if isinstance(answer, Version):
        return ["version", answer.project, answer.name, answer.number]
    if isinstance(answer, Model):
        return ["model", answer.project, answer.name]
    return None if answer is None else ["stages", lifecycle_to_json(answer)]


def _again(
    unit: Unit, request: RequestKey, done: Mapping[str, Json]
) -> Version | Model | Lifecycle | None:
    if done["fingerprint"] != request.fingerprint:
        msg = "this idempotency key was given to another request; make a new key for a new request"
        raise Invalid(msg, field="Idempotency-Key")
    answer = cast("list[str] | None", done["answer"])
    if answer is None:
        return None
    if answer[0] == "version":
        return unit.version(Ref(answer[1], answer[2]).at(cast("int", answer[3])))
    if answer[0] == "model":
        return unit.model(answer[1], answer[2])
    return lifecycle_from_json(cast("Json", answer[1]))
