"""Small nouns for tests, of which everything is known."""

from __future__ import annotations

from dataclasses import replace

from modelry.core.events import Event, EventKind, follow, model_chain, touched
from modelry.core.model import File, Model, Version
from modelry.core.names import Ref
from modelry.core.ports import Unit
from modelry.core.sealing import digest_of
from modelry.core.selection import CHANGES_OF_VERSION
from modelry.core.verbs.register import new_model


def some_model(name: str = "credit-risk", project: str = "default") -> Model:
    """Make a model that no store holds yet."""
    return new_model(Ref(project, name), "ada", 1)


def some_version(model: Model, number: int, **facts: object) -> Version:
    """Make a version of one small file that no store holds yet; `facts` replace its own."""
    files = (File("model.bin", f"{number:064x}", 10 + number),)
    version = Version(
        id=0,
        project=model.project,
        name=model.name,
        number=number,
        version=str(number),
        stage="none",
        aliases=(),
        digest=digest_of(files),
        kind="file",
        files=files,
        size=10 + number,
        metrics={},
        params={},
        tags={},
        datasets=(),
        description="",
        findings=None,
        source="somewhere/model.bin",
        run_id=None,
        base=None,
        commit=None,
        environment="e" * 64,
        author="ada",
        created=1000 + number,
    )
    return replace(version, **facts)  # type: ignore[arg-type]  # fields by name


def keep(unit: Unit, model: Model, *versions: Version) -> Model:
    """Keep a model with versions, as a registration would."""
    kept = unit.add_model(model)
    for version in versions:
        unit.add_version(kept, version)
    return kept


def happen(unit: Unit, model: Model, kind: EventKind, number: int | None, now: int) -> Event:
    """Append an event that changes nothing else, but for the time of a change."""
    chain = model_chain(model.project, model.name)
    event = follow(unit.head(chain), chain, kind, actor="ada", now=now, number=number, body={})
    unit.append(event)
    if kind in CHANGES_OF_VERSION:
        unit.stamp(model, touched(event), event.at)
    return event
