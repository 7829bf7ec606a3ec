"""Auditing: do the records follow one another, and does the state follow from them?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelry.core.errors import Corrupt, Invalid
from modelry.core.events import Event, Head, Problem, model_chain, verify_chain
from modelry.core.names import Ref
from modelry.core.ports import Progress, View
from modelry.core.replay import compare
from modelry.core.sealing import sha256_of
from modelry.core.strict_json import Json, dumps, load_object
from modelry.core.verbs.access_audit import audit_access
from modelry.core.verbs.world import World, living_model

CHECKPOINT = "modelry.checkpoint.v1"


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit read, and every problem it found, each naming its record."""

    chains: int
    events: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The last record of every chain at one moment; kept elsewhere, it shows a cut log."""

    at: int
    heads: tuple[Head, ...]


def audit(
    world: World, ref: Ref | None, checkpoint: Checkpoint | None, progress: Progress | None
) -> Audit:
    """Verify the chain of every model and project, or of one, and the state they tell."""
    with world.store.snapshot() as view:
        if ref is not None and view.head(model_chain(ref.project, ref.name)) is None:
            living_model(view, ref)  # says that it is absent; a deleted one has its records
        return audit_view(view, ref, checkpoint, progress)


def audit_view(
    view: View, ref: Ref | None, checkpoint: Checkpoint | None, progress: Progress | None
) -> Audit:
    """Verify everything that `view` holds."""
    chains = [head.chain for head in view.heads()] if ref is None else [
        model_chain(ref.project, ref.name)]  # fmt: skip
    problems: list[Problem] = []
    events, broken = 0, False
    for done, chain in enumerate(chains):
        found, count = _audit_chain(view, chain)
        problems += found
        broken = broken or (bool(found) and "/" not in chain)
        events += count
        if progress is not None:
            progress("following the records", done + 1, len(chains))
    if ref is None:
        problems += _strays(view, set(chains))
        problems += [] if broken else audit_access(view)
    problems += _behind(view, checkpoint, chains)
    return Audit(len(chains), events, tuple(problems))


def _audit_chain(view: View, chain: str) -> tuple[list[Problem], int]:
    events = _Counted(view.every_event(chain))
    try:
        problems = list(verify_chain(events, view.head(chain)))
    except Corrupt as error:
        return [Problem(chain, error.message)], events.count
    project, slash, name = chain.partition("/")
    if problems or not slash:
        return problems, events.count
    model = view.model(project, name)
    if model is None:
        return [Problem(chain, "has records and no model")], events.count
    problems = list(compare(view, model, view.every_event(chain)))
    problems += _environments(view, Ref(model.project, model.name))
    return problems, events.count


class _Counted:
    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self.count = 0

    def __iter__(self) -> Iterator[Event]:
        for event in self._events:
            self.count += 1
            yield event


def _environments(view: View, ref: Ref) -> Iterator[Problem]:
    model = view.model(ref.project, ref.name)
    seen: set[str] = set()
    for version in view.every_version(model) if model else ():
        text = None if version.environment in seen else view.environment(version.environment)
        if version.environment not in seen and (
            text is None or sha256_of(text) != version.environment
        ):
            yield Problem(version.ref, "its recorded environment is gone or was edited")
        seen.add(version.environment)


def _strays(view: View, chains: set[str]) -> Iterator[Problem]:
    """Find models that no chain tells of."""
    after = ""
    while page := view.models(None, after, 500):
        for summary in page:
            model = summary.model
            if model_chain(model.project, model.name) not in chains:
                yield Problem(model.full_name, "has no record of how it came to be")
        after = f"{page[-1].model.project}/{page[-1].model.name}"


def _behind(view: View, checkpoint: Checkpoint | None, chains: Sequence[str]) -> Iterator[Problem]:
    """Find where the log is behind, or beside, what was seen earlier."""
    for head in checkpoint.heads if checkpoint else ():
        if head.chain not in chains:
            yield Problem(head.chain, "was there at the checkpoint and is gone")
            continue
        found = view.events(head.chain, None, head.seq + 1, 1)
        if not found or found[0].seq != head.seq:
            yield Problem(f"{head.chain}#{head.seq}", "was there at the checkpoint and is gone")
        elif found[0].hash != head.hash:
            yield Problem(f"{head.chain}#{head.seq}", "is not what the checkpoint saw")


def checkpoint(world: World) -> Checkpoint:
    """Answer the last record of every chain."""
    with world.store.read() as view:
        return Checkpoint(world.clock.now(), tuple(view.heads()))


def checkpoint_to_text(checkpoint: Checkpoint) -> str:
    """Write a checkpoint as the JSON that `checkpoint_from_text` reads."""
    heads: list[Json] = [[each.chain, each.seq, each.hash, each.at] for each in checkpoint.heads]
    return dumps({"format": CHECKPOINT, "at": checkpoint.at, "heads": heads})


def checkpoint_from_text(data: bytes) -> Checkpoint:
    """Read a checkpoint. Raises `Invalid` for anything else."""
    value = load_object(data, "the checkpoint")
    heads, at = value.get("heads"), value.get("at")
    if value.get("format") != CHECKPOINT or not isinstance(heads, list) or not isinstance(at, int):
        msg = "this is not a checkpoint of Modelry (modelry audit checkpoint writes one)"
        raise Invalid(msg)
    return Checkpoint(at, tuple(_head(row) for row in heads))


def _head(row: Json) -> Head:
    if isinstance(row, list) and len(row) == 4:  # noqa: PLR2004 - chain, sequence, hash, time
        chain, seq, digest, at = row
        if isinstance(chain, str) and isinstance(seq, int) and isinstance(digest, str) and (
            isinstance(at, int)):  # fmt: skip
            return Head(chain, seq, digest, at)
    msg = f"the checkpoint has a row that is none: {row!r}"
    raise Invalid(msg)
