"""Every event as a sentence in the past tense. The first word, who did it, is the caller's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from modelry.cli.pages.words import listed, plural, versions
from modelry.core.events import REGISTRY, Event, EventKind, relabels
from modelry.core.strict_json import Json

_SHORT = 72


def deed(event: Event) -> str:
    """Answer what was done: `promoted version 3 to production, displacing version 2 (archived)`."""
    return DEEDS[event.kind](event)


def _registered(event: Event) -> str:
    label = str(event.body.get("version", event.number))
    text = f"registered version {event.number}"
    text += "" if label == str(event.number) else f" ({label})"
    text += ", the first of this model" if "model" in event.body else ""
    return text + _origin(cast("Mapping[str, str]", event.body.get("tags") or {}))


def _origin(tags: Mapping[str, str]) -> str:
    """Say of a copy where it comes from, who made it there and when."""
    from modelry.copying.origin import read

    told = read(tags)
    if not told.get("ref"):
        return ""
    by = f", made by {told['author']}" if told.get("author") else ""
    return (f", a copy of {told['ref']} of {told.get('registry')}{by}"
            f" on {str(told.get('created'))[:10]}")  # fmt: skip


def _promoted(event: Event) -> str:
    target = str(event.body.get("to"))
    return f"promoted version {event.number} to {target}{_displaced(event)}{_emptied(event)}"


def _archived(event: Event) -> str:
    return f"archived version {event.number}{_emptied(event)}"


def _rolled_back(event: Event) -> str:
    target = str(event.body.get("to"))
    return f"rolled {target} back to version {event.number}{_displaced(event)}{_emptied(event)}"


def _deployed(event: Event) -> str:
    return f"deployed version {event.number} to {_short(str(event.body.get('target')))}"


def _displaced(event: Event) -> str:
    """Say which versions had to make room, and where they went."""
    places: dict[str, list[int]] = {}
    for number, _, after in relabels(event):
        if number != event.number:
            places.setdefault(after, []).append(number)
    parts = [f"{versions(numbers)} ({after})" for after, numbers in sorted(places.items())]
    return f", displacing {listed(parts)}" if parts else ""


def _emptied(event: Event) -> str:
    """Say what else a move did: a stage that names nothing now, or another version."""
    moves = cast("list[tuple[str, str, int | None, int, int | None]]", event.body.get("moves", []))
    others = [(name, number) for name, _, number, _, _ in moves if number != event.number]
    parts = [f"{name} names {f'version {number}' if number else 'nothing'} now"
             for name, number in others]  # fmt: skip
    return f"; {listed(parts)}" if parts else ""


def _tagged(event: Event) -> str:
    tags = cast("Mapping[str, str]", event.body.get("tags", {}))
    what = _subject(event)
    if not tags:
        return f"removed the tags of {what}"
    pairs = [f"{name}={value}" if value else name for name, value in sorted(tags.items())]
    return f"set the tags of {what}: {_short(', '.join(pairs))}"


def _described(event: Event) -> str:
    text = " ".join(str(event.body.get("description", "")).split())
    what = _subject(event)
    if not text:
        return f"removed the description of {what}"
    return f"described {what}: “{_short(text)}”"


def _subject(event: Event) -> str:
    return f"version {event.number}" if event.number else "the model"


def _short(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1].rstrip()}…"


def _model_deleted(event: Event) -> str:
    buried = cast("list[int]", event.body.get("buried", []))
    return f"deleted the model with its {plural(len(buried), 'version')}"


def _renamed(event: Event) -> str:
    body = event.body
    if "renamed_to" in body:
        return f"renamed the model to {body['renamed_to']}; nothing more happens here"
    if "versions" in body:
        return f"renamed the model, which was {body.get('renamed_from')}"
    return "brought what its stages named before"


def _imported(event: Event) -> str:
    last = cast("list[Json]", event.body.get("up_to", []))
    records = f" and its {plural(last[0], 'record')}" if last and isinstance(last[0], int) else ""
    return f"imported the model{records} from another registry"


def _stages(event: Event) -> str:
    rows = cast("list[Mapping[str, Json]]", event.body.get("stages_are", []))
    names = ", ".join(str(row.get("name", "")) for row in rows)
    return f" with the stages {names}" if names else ""


def _experiment(event: Event) -> str:
    return f"the experiment {event.body.get('name')} ({event.body.get('experiment')})"


def _with_runs(event: Event) -> str:
    count = cast("int", event.body.get("runs", 0))
    return f" with {plural(count, 'run')}" if count else ""


def _artifacts_deleted(event: Event) -> str:
    count = cast("int", event.body.get("files", 0))
    path = str(event.body.get("path", ""))
    where = f" at {path}" if path else ""
    return f"deleted {plural(count, 'artifact')}{where} of {event.body.get('of')}"


def _denied(event: Event) -> str:
    """Say what was asked for, and where it was a change of a version, of which."""
    if event.number is not None and "to" in event.body:
        return f"was denied to bring version {event.number} to {event.body['to']}"
    what, version = event.body.get("what"), event.body.get("version")
    name = str(what) if version is None else f"{what} {version}"
    about = f" ({_short(name)})" if what else ""
    why = f": {_short(str(event.body['reason']))}" if "reason" in event.body else ""
    unrecorded = event.body.get("unrecorded")
    more = f", after {plural(unrecorded, 'denial')} like it" if isinstance(unrecorded, int) else ""
    return f"was denied to {event.body.get('asked')}{about}{more}{why}"


def _member_set(event: Event) -> str:
    before = event.body.get("before")
    was = f", who was {before}" if before else ""
    who, role = event.body.get("account"), event.body.get("role")
    return f"gave {who} the role {role} {_where(event)}{was}"


def _member_removed(event: Event) -> str:
    account, before = event.body.get("account"), event.body.get("before")
    return f"took the role {before} {_where(event)} from {account}"


def _where(event: Event) -> str:
    return "everywhere" if event.chain == REGISTRY else f"in {event.chain}"


def _account_created(event: Event) -> str:
    kind = "service account" if event.body.get("kind") == "service" else "account"
    return f"created the {kind} {event.body.get('account')}"


def _token_created(event: Event) -> str:
    limits = [str(event.body[key]) for key in ("role", "project") if event.body.get(key)]
    narrowed = f", limited to {listed(limits)}" if limits else ""
    return f"made {_token(event)}{narrowed}"


def _token(event: Event) -> str:
    body = event.body
    return f"the token {body.get('token')} ({body.get('name')}) of {body.get('account')}"


def _trusted(event: Event) -> str:
    return (
        f"trusted {_publisher(event)} to act in {event.chain} as {event.body.get('account')} "
        f"({event.body.get('role')})"
    )


def _publisher(event: Event) -> str:
    claims = cast("Mapping[str, str]", event.body.get("claims", {}))
    pairs = ", ".join(f"{name}={value}" for name, value in sorted(claims.items()))
    return f"the publisher {event.body.get('publisher')} ({_short(pairs)})"


DEEDS: Mapping[EventKind, Callable[[Event], str]] = {
    EventKind.PROJECT_CREATED: lambda event: f"created the project {event.chain}{_stages(event)}",
    EventKind.STAGES_CHANGED: lambda event: f"set up the project {event.chain}{_stages(event)}",
    EventKind.MODEL_CREATED: lambda _: "created the model",
    EventKind.MODEL_TAGGED: _tagged,
    EventKind.MODEL_DESCRIBED: _described,
    EventKind.MODEL_DELETED: _model_deleted,
    EventKind.MODEL_IMPORTED: _imported,
    EventKind.MODEL_RENAMED: _renamed,
    EventKind.REGISTERED: _registered,
    EventKind.PROMOTED: _promoted,
    EventKind.ARCHIVED: _archived,
    EventKind.TAGGED: _tagged,
    EventKind.DESCRIBED: _described,
    EventKind.DELETED: lambda event: f"deleted version {event.number}",
    EventKind.PURGED: lambda event: f"purged the bytes of version {event.number}",
    EventKind.DEPLOYED: _deployed,
    EventKind.ROLLED_BACK: _rolled_back,
    EventKind.ALIAS_SET: lambda e: f"pointed the alias {e.body.get('alias')} at version {e.number}",
    EventKind.DENIED: _denied,
    EventKind.EXPERIMENT_CREATED: lambda e: f"created {_experiment(e)}",
    EventKind.EXPERIMENT_RENAMED: lambda e: (
        f"renamed the experiment {e.body.get('before')} to {e.body.get('name')}"
    ),
    EventKind.EXPERIMENT_DELETED: lambda e: f"deleted {_experiment(e)}{_with_runs(e)}",
    EventKind.EXPERIMENT_RESTORED: lambda e: f"restored {_experiment(e)}{_with_runs(e)}",
    EventKind.RUN_DELETED: lambda e: f"deleted the run {e.body.get('name')} ({e.body.get('run')})",
    EventKind.RUN_RESTORED: lambda e: (
        f"restored the run {e.body.get('name')} ({e.body.get('run')})"
    ),
    EventKind.LOGGED_MODEL_DELETED: lambda e: (
        f"deleted the logged model {e.body.get('name')} ({e.body.get('logged_model')})"
    ),
    EventKind.ARTIFACTS_DELETED: _artifacts_deleted,
    EventKind.ALIAS_REMOVED: lambda e: (
        f"removed the alias {e.body.get('alias')} from version {e.number}"
    ),
    EventKind.MEMBER_SET: _member_set,
    EventKind.MEMBER_REMOVED: _member_removed,
    EventKind.ACCOUNT_CREATED: _account_created,
    EventKind.ACCOUNT_DISABLED: lambda e: f"disabled the account {e.body.get('account')}",
    EventKind.ACCOUNT_ENABLED: lambda e: f"enabled the account {e.body.get('account')} again",
    EventKind.TOKEN_CREATED: _token_created,
    EventKind.TOKEN_REVOKED: lambda event: f"revoked {_token(event)}",
    EventKind.PUBLISHER_TRUSTED: _trusted,
    EventKind.PUBLISHER_DISTRUSTED: lambda event: f"trusts {_publisher(event)} no more",
}
"""A sentence for every kind of event."""
