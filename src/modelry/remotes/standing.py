"""What the adapters of foreign registries answer in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelry.core.draft import Draft
from modelry.core.errors import Conflict, Invalid, NotFound
from modelry.core.events import Event, EventKind, model_chain
from modelry.core.lifecycle import DEFAULT_LIFECYCLE
from modelry.core.model import ModelSummary, Version
from modelry.core.names import Ref, check_pointer, label_key
from modelry.core.verbs import look
from modelry.core.verbs.register import StoredTwice
from modelry.surroundings import LocalSurroundings


def below(cursor: str | None) -> int | None:
    """Read a cursor that is a number, None for the beginning. Raises `Invalid`."""
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):  # noqa: PLR2004 - fits 64 bits
        msg = f"{cursor!r} is not a cursor of this list; begin again without it"
        raise Invalid(msg, cursor=cursor)
    return None if cursor is None else int(cursor)


def same_version(existing: Version, digest: str, said: Draft) -> Version:
    """Answer the version that is registered once more. Raises `Conflict` for other bytes."""
    if existing.digest != digest:
        msg = f"{existing.name} {existing.version} is taken: that version has other bytes; use a new label"
        raise Conflict(msg, ref=existing.ref, version=existing.version)
    given = {"metrics": said.metrics, "params": said.params, "datasets": said.datasets,
             "tags": said.tags, "description": said.description}  # fmt: skip
    other = [name for name, value in given.items() if value and value != getattr(existing, name)]
    if other:
        msg = f"{existing.ref} is sealed already; the {' and '.join(other)} given now are not kept"
        LocalSurroundings().warn(msg, StoredTwice)
    return existing


def part(model: Ref, text: str) -> Ref:
    """Read which version of a model is meant: a number, a label, `@stage`, or a whole ref."""
    from modelry.core.names import parse_ref

    if text.startswith(("@", ":")):
        return parse_ref(f"{model}{text}")
    if "@" not in text and ":" not in text:
        return parse_ref(f"{model}:{text}")
    ref = parse_ref(text)
    if ref.name.lower() != model.name.lower():
        msg = f"{text!r} is not a version of {model}; an alias stays inside its model"
        raise Invalid(msg, ref=text)
    return ref


def alias_key(name: str) -> str:
    """Answer an alias as it is kept. Raises `Conflict` for the name of a stage."""
    key = check_pointer(name, "an alias")
    if key in DEFAULT_LIFECYCLE:
        msg = f"{key!r} is a stage of this project; promote to it, or choose another alias"
        raise Conflict(msg, alias=key)
    return key


@dataclass(frozen=True, slots=True)
class Known:
    """A model as a foreign registry tells it, from which a ref chooses."""

    summary: ModelSummary
    versions: Iterable[Version]

    def choose(self, ref: Ref) -> Version:
        """Answer the version that `ref` names; `versions` come newest first. Raises `NotFound`."""
        wanted = self.number(ref)
        for each in self.versions:
            if wanted == each.number or (wanted is None and _is(each, ref)):
                return each
        raise self.absent(ref)

    def number(self, ref: Ref) -> int | None:
        """Answer the number that a ref means where its pointers tell; 0 for none."""
        if ref.selector == "number":
            return ref.number
        if ref.selector in {"pointer", "none"}:
            name = ref.value or DEFAULT_LIFECYCLE.main
            found = {each.name.lower(): each.number for each in self.summary.pointers}
            return found.get(str(name), None if ref.selector == "none" else 0)
        return None

    def absent(self, ref: Ref) -> NotFound:
        """Answer why there is no such version."""
        name = self.summary.model.name
        if ref.selector == "pointer" and ref.value in DEFAULT_LIFECYCLE:
            why = f"no version of {name} is in {ref.value}"
        elif ref.selector == "pointer":
            names = ", ".join(each.name for each in self.summary.pointers) or "none yet"
            why = f"{name} has no stage or alias {ref.value!r}; there are: {names}"
        elif ref.selector in {"none", "latest"}:
            why = f"{name} has no version yet; register one"
        else:
            why = f"{name} has no version {str(ref).partition(ref.name)[2].lstrip(':@')}"
        return NotFound(f"{why} (modelry versions {name} lists them)", ref=str(ref))


def _is(version: Version, ref: Ref) -> bool:
    if ref.selector == "label":
        return label_key(version.version) == ref.value
    if ref.selector == "digest":
        return version.digest == f"sha256:{ref.value}"
    return True  # the newest


def known_history(
    summary: ModelSummary, versions: Sequence[Version], limit: int, cursor: str | None
) -> look.History:
    """Answer the registrations that a registry knows, as events without hashes."""
    size, last = look.page_limit(limit), below(cursor)
    model = summary.model
    events = [
        Event(
            chain=model_chain(model.project, model.name), seq=each.number,
            kind=EventKind.REGISTERED, actor=each.author, at=each.created, number=each.number,
            body={"version": each.version, "digest": each.digest, "stage": "none",
                  "tags": dict(each.tags), "description": each.description},
            prev="", hash="",
        )
        for each in sorted(versions, key=lambda version: -version.number)
        if last is None or each.number < last
    ]  # fmt: skip
    more = str(events[size - 1].seq) if len(events) > size else None
    pointers = {each.name: each.number for each in summary.pointers}
    return look.History(tuple(events[:size]), pointers, None, more)
