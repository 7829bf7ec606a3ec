"""Sources that a caller names: an address is recorded where the operator allows it, never opened.

A server that opened what a caller names could be sent anywhere (SSRF). A path
of the server's own disk is opened where it lies in a folder that the operator
named (`MODELRY_SOURCE_FOLDERS`), links followed; anything else is not there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from modelry.blobs.tree import LocalSources
from modelry.core.draft import Draft
from modelry.core.errors import Invalid, NotFound
from modelry.core.model import Version
from modelry.core.ports import Source
from modelry.core.service import Service
from modelry.core.verbs.enlist import Parts
from modelry.settings import ServerSettings

if TYPE_CHECKING:
    from modelry.blobs.objects.sources import BucketSources

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):", re.ASCII)


def source_of(
    source: str | None, artefact: str | None, allowed: Collection[str], *, has_files: bool
) -> str:
    """Answer what is recorded as the source of a version. Raises `Invalid`.

    Beside uploaded bytes a source is a note of where they came from. Without
    bytes it would stand in for them: then its scheme must be allowed.
    """
    if source is not None and artefact is not None:
        msg = "source and artifact_version_id are one thing; give one of them"
        raise Invalid(msg, field="artifact_version_id")
    if artefact is not None:
        return f"artifact:{artefact}"
    if source is None:
        return ""
    if has_files:
        return source
    match = _SCHEME.match(source)
    scheme = match[1].lower() if match else ""
    if not scheme or scheme not in allowed:
        names = ", ".join(sorted(allowed)) or "none"
        msg = (
            f"a source without its bytes must have a scheme that this server allows ({names}); "
            "upload the files instead"
        )
        raise Invalid(msg, field="source", scheme=scheme)
    if any(mark in source for mark in "#;") or ".." in source:
        msg = "a source holds no '#', ';' or '..'; write the plain address"
        raise Invalid(msg, field="source")
    return source


class AllowedSources:
    """Opens paths that lie in the folders which the operator named (port `Sources`).

    What the registry itself keeps there is no model: neither its folders
    (`own`), nor any file beside the `files` of its metadata.
    """

    def __init__(
        self, folders: Sequence[Path], own: Sequence[Path] = (), files: Sequence[Path] = ()
    ) -> None:
        self._folders = tuple(folder.expanduser() for folder in folders)
        self._own = tuple(Path(os.path.realpath(each)) for each in own)
        self._beside = tuple(Path(os.path.realpath(each)).parent for each in files)
        self._sources = LocalSources()

    def open(self, path: Path) -> Source:
        """Look at `path`; a relative one begins at one of the folders, or with its name.

        Raises `NotFound`, in the same words for what is absent and for what is elsewhere.
        """
        for folder in self._folders:
            root = Path(os.path.realpath(folder))
            for start in (root, root.parent):
                try:
                    real = Path(os.path.realpath(start / path))
                except ValueError:  # a path of the impossible kind, such as one with a null in it
                    break
                if real.is_relative_to(root) and real.exists() and not self._is_own(real):
                    return self._sources.open(real)
        msg = f"{str(path)!r} is in no folder that this server takes models from"
        raise NotFound(msg, path=str(path))

    def _is_own(self, real: Path) -> bool:
        """Say whether a place holds, or lies in, what the registry keeps."""
        within = any(real.is_relative_to(each) for each in self._own)
        around = any(each.is_relative_to(real) for each in (*self._own, *self._beside))
        return within or around or (real.parent in self._beside and not real.is_dir())


def sources_of(settings: ServerSettings) -> AllowedSources:
    """Answer the places of this disk that a request may name."""
    home, uri = settings.home.expanduser(), settings.uri or ""
    scheme, _, place = uri.partition(":")
    named = {"sqlite": place.removeprefix("///"), "json": place}.get(scheme)
    files = [] if not named else [Path(named).expanduser()]
    own = [home, *(each.parent / "blobs" for each in files)]
    blobs = urlsplit(settings.blobs or "")
    if blobs.scheme == "file":
        own.append(Path(url2pathname(blobs.path)))
    return AllowedSources(settings.source_folders, own, files)


@cache
def bucket_sources(places: tuple[str, ...], blobs: str) -> BucketSources:
    """Answer the places in object stores that a request may name.

    Raises `Invalid` for one that is no place, or that holds what the registry itself keeps.
    """
    from modelry.blobs.objects.sources import BucketSources  # an extra, which few need

    return BucketSources(places, own=blobs)


def register_source(
    service: Service, name: str, source: str, draft: Draft, allowed: Collection[str]
) -> Version:
    """Register what a protocol names by one text: a path of this server, or an address.

    The bytes at a path are copied in and sealed. An address is recorded
    without them, where its scheme is allowed. What is there already under the
    label is a `Conflict`, whatever its bytes are.
    """
    if _SCHEME.match(source) is None or Path(source).is_absolute():
        return service.take(name, source, draft, origin=source)
    origin = source_of(source, None, allowed, has_files=False)
    return service.enlist(name, Parts("folder", (), origin), draft)
