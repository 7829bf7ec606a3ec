"""Files that came from a registry elsewhere, in a local folder that is whole or not there.

    home/fetched/ab/abcdef.../   one folder per digest

The digest is the one that Modelry gives to a list of files, so that the same
version from two registries is fetched into the same place.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelry.blobs.tree import LocalSources
from modelry.core.errors import Conflict, Corrupt
from modelry.core.model import Kind
from modelry.core.sealing import digest_of
from modelry.durable import erase, fresh_name, storing
from modelry.remotes.hashing import hashed

Fetch = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A version to be brought: its ref for messages, its digest (empty if unknown), its kind."""

    ref: str
    digest: str
    kind: Kind


def land(wanted: Wanted, fetch: Fetch, home: Path, to: Path | None) -> Path:
    """Bring files by `fetch(folder)`, verified, to `to` or to a place of their own; answer it.

    Of a single file its path is answered. Raises `Corrupt` where the bytes are
    not those of the digest, `Conflict` where `to` holds something else.
    """
    root = home.absolute() / "fetched"
    kept = _place(root, wanted.digest) if wanted.digest else None
    if to is None and kept is not None and _digest(kept) == wanted.digest:
        return _answer(kept, wanted.kind)
    aside = (root if to is None else to.absolute().parent) / f".{fresh_name()}.part"
    with storing(aside.parent):
        aside.mkdir(parents=True)
    try:
        fetch(aside)
        found = digest_at(aside)
        if wanted.digest and found != wanted.digest:
            msg = f"the files of {wanted.ref} are not what was registered: {found} came"
            raise Corrupt(msg, ref=wanted.ref, digest=found)
        place = _place(root, found) if to is None else to
        _put(aside, place, found, named=to is not None)
    finally:
        if aside.exists():
            erase(aside)
    return _answer(place, wanted.kind)


def keep(path: Path, home: Path) -> Path:
    """Keep a copy of a local file or folder, verified; answer its place, the same for the same files."""
    source = LocalSources().open(path)
    files = hashed(source, None)

    def fetch(folder: Path) -> None:
        for file in source.files:
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.where, target)

    return land(Wanted(str(path), digest_of(files), source.kind), fetch, home, None)


def digest_at(folder: Path) -> str:
    """Answer the digest of the files in a folder. Raises `NotFound` or `Invalid`."""
    return digest_of(hashed(LocalSources().open(folder), None))


def _place(root: Path, digest: str) -> Path:
    name = digest.removeprefix("sha256:")
    return root / name[:2] / name


def _digest(folder: Path) -> str:
    """Answer the digest of a folder, empty where it is not there or holds nothing."""
    return digest_at(folder) if folder.is_dir() and any(folder.iterdir()) else ""


def _put(aside: Path, place: Path, digest: str, *, named: bool) -> None:
    """Move the finished folder into its place; a place of our own that was changed is remade."""
    if os.path.lexists(place) and not (place.is_dir() and not any(place.iterdir())):
        if _digest(place) == digest:
            return
        if named:
            msg = f"{str(place)!r} holds something else; name a folder that is empty or new"
            raise Conflict(msg, to=str(place))
        erase(place)
    with storing(place.parent):
        place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir():
        place.rmdir()
    aside.rename(place)


def _answer(folder: Path, kind: Kind) -> Path:
    if kind == "folder":
        return folder
    return folder / LocalSources().open(folder).files[0].path
