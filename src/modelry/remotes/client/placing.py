"""Bringing the files of a version to a place of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from modelry.blobs.shelf import LocalShelf
from modelry.core.errors import Corrupt
from modelry.core.model import Version
from modelry.core.ports import Blobs, Progress
from modelry.remotes.client.cache import Cache
from modelry.remotes.client.fetching import Fetched
from modelry.remotes.client.wire import Wire


def place(  # noqa: PLR0913 - from where, by way of what, to where
    wire: Wire, cache: Cache, shelf: Path, version: Version, to: Path | None,
    progress: Progress | None,
) -> Path:  # fmt: skip
    """Fetch the files of a version and answer where they are: `to`, or below `shelf`.

    What was damaged in the cache is fetched anew, once. Raises `Corrupt` where
    the server has it so.
    """

    def attempt() -> Path:
        fetched = Fetched(wire, cache, version, progress)
        return LocalShelf(shelf, cast("Blobs", fetched)).place(version, to, progress)

    try:
        return attempt()
    except Corrupt as error:
        damaged = error.facts.get("sha256")
        if not isinstance(damaged, str) or not cache.drop(damaged):
            raise
        return attempt()
