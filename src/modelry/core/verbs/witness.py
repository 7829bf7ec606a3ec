"""Seeing bytes that a version is said to have: they are kept, hashed and looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelry.core.errors import NotFound
from modelry.core.model import File, Findings, Kind
from modelry.core.ports import SourceFile
from modelry.core.verbs.enlist import StoredFile
from modelry.core.verbs.world import World


@dataclass(frozen=True, slots=True)
class Seen:
    """What lay at a path: its files are stored now, and what they say of themselves is known."""

    kind: Kind
    files: tuple[File, ...]
    findings: Findings | None


@contextmanager
def seen(world: World, places: Sequence[Path]) -> Iterator[Seen | None]:
    """Keep what lies at the first of `places` where something does; None where nothing does.

    Until the end of the context no collection of garbage takes it away.
    """
    for place in places:
        try:
            source = world.sources.open(place)
        except NotFound:
            continue
        with world.blobs.stage(source.files, lambda _: False, None) as staged:
            staged.publish()
            files = tuple(sorted(staged.files, key=lambda file: file.path.encode()))
            readable = [StoredFile(world.blobs, file) for file in files]
            found: Sequence[SourceFile] = readable
            yield Seen(source.kind, files, world.inspection.inspect(source.kind, found))
        return
    yield None
