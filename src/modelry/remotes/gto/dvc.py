"""Files that DVC keeps outside git: found by their md5 in its cache or a local remote, verified.

`model.bin.dvc` or `dvc.lock` names the md5 of a file, or of a list of files
(`.dir`). The bytes lie in `files/md5/ab/cdef...` (DVC 3) or `ab/cdef...`.
"""

from __future__ import annotations

import configparser
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from modelry.core.errors import Corrupt, Invalid, NotFound
from modelry.core.model import Dataset
from modelry.core.names import check_path
from modelry.core.strict_json import Json
from modelry.formats.yaml_text import load_mapping
from modelry.remotes.gto.git import Git

_CHUNK = 1024 * 1024
_MD5 = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Out:
    """Something that DVC tracks: its path in the repository, its md5, what it was made from."""

    path: str
    md5: str
    made_from: tuple[Dataset, ...] = ()


def outs(git: Git, commit: str) -> dict[str, Out]:
    """Answer everything that DVC tracks in a commit, by path."""
    found: dict[str, Out] = {}
    for name in git.tree(commit):
        folder, _, last = name.rpartition("/")
        if last.endswith(".dvc") or last == "dvc.lock":
            told = load_mapping(git.read(commit, name) or b"", name)
            for out in _outs(told, folder):
                found[out.path] = out
    return found


def _outs(told: Mapping[str, Json], folder: str) -> Iterator[Out]:
    stages = told.get("stages")
    steps: list[Any] = list(stages.values()) if isinstance(stages, dict) else [told]
    for step in steps:
        if not isinstance(step, dict):
            continue
        place = str(PurePosixPath(folder) / str(step.get("wdir") or ""))
        made_from = tuple(
            Dataset(str(each["path"]), f"md5:{each['md5']}")
            for each in step.get("deps") or () if isinstance(each, dict) and each.get("md5")
        )  # fmt: skip
        for out in step.get("outs") or ():
            if isinstance(out, dict) and out.get("md5") and out.get("path"):
                path = str(PurePosixPath(place) / str(out["path"]))
                yield Out(path, str(out["md5"]), made_from)


class Cache:
    """The places where DVC may keep bytes on this machine."""

    def __init__(self, root: Path) -> None:
        self._roots = [place for base in _places(root) for place in (base / "files" / "md5", base)]

    def bring(self, out: Out, target: Path) -> None:
        """Write what DVC tracks to `target`. Raises `NotFound` where its bytes are not here."""
        if not out.md5.endswith(".dir"):
            self._copy(out.md5, out.path, target)
            return
        listed = self._find(out.md5, out.path).read_bytes()
        _check(hashlib.md5(listed).hexdigest(), out.md5.removesuffix(".dir"), out.path)  # noqa: S324 - DVC's own
        for row in _listed(listed, out.path):
            path = check_path(str(row["relpath"]))
            self._copy(str(row["md5"]), f"{out.path}/{path}", target / path)

    def _copy(self, md5: str, path: str, target: Path) -> None:
        state, unix = hashlib.md5(), hashlib.md5()  # noqa: S324 - DVC's own
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._find(md5, path).open("rb") as source, target.open("wb") as sink:
            while chunk := source.read(_CHUNK):
                state.update(chunk)
                unix.update(chunk.replace(b"\r\n", b"\n"))  # what DVC 2 did to text files
                sink.write(chunk)
        _check(state.hexdigest() if state.hexdigest() == md5 else unix.hexdigest(), md5, path)

    def _find(self, md5: str, path: str) -> Path:
        if len(md5.removesuffix(".dir")) != 32 or not set(md5.removesuffix(".dir")) <= _MD5:  # noqa: PLR2004 - hex digits of an md5
            msg = f"{md5!r} of {path} is no md5; was the file of DVC edited by hand?"
            raise Invalid(msg, path=path)
        for root in self._roots:
            if (found := root / md5[:2] / md5[2:]).is_file():
                return found
        msg = f"the bytes of {path} ({md5}) are not on this machine; run dvc fetch --all-tags there"
        raise NotFound(msg, path=path, md5=md5)


def _check(found: str, md5: str, path: str) -> None:
    if found != md5:
        msg = f"{path} has the md5 {found} in the cache of DVC, not {md5}; run dvc fetch again"
        raise Corrupt(msg, path=path)


def _listed(data: bytes, path: str) -> list[dict[str, Any]]:
    try:
        rows = json.loads(data)
        return [row for row in rows if row["relpath"] and row["md5"]]
    except (ValueError, KeyError, TypeError) as error:
        msg = f"DVC's list of files of {path} makes no sense ({error!r})"
        raise Invalid(msg, path=path) from error


def _places(root: Path) -> list[Path]:
    """Answer the cache and every remote that is a folder, as DVC's settings name them."""
    folder = root / ".dvc"
    found = [folder / "cache"]
    for name in ("config", "config.local"):
        settings = configparser.ConfigParser(interpolation=None)
        try:
            settings.read(folder / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as error:
            msg = f"DVC's settings in {name} cannot be read: {error}"
            raise Invalid(msg, path=name) from error
        for section in settings.sections():
            place = settings[section].get("dir" if section == "cache" else "url")
            if place and "://" not in place:
                found.append(folder / place)
    return found
