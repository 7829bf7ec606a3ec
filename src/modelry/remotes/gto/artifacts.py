"""What a repository says of a model: `artifacts.yaml`, or `artifacts` in `dvc.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import cast

from modelry.core.errors import Invalid
from modelry.core.names import check_path
from modelry.core.strict_json import Json
from modelry.formats.yaml_text import load_mapping
from modelry.remotes.gto.git import Git
from modelry.remotes.gto.tags import Standing

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./@ :-]{0,249}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Artifact:
    """Where the files of a model are in a commit, and what is said of it."""

    path: str | None = None
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Json] = field(default_factory=dict)


def artifact_of(git: Git, commit: str, model: Standing) -> Artifact:
    """Answer what a commit says of a model; nothing where it is not annotated."""
    for name in ("artifacts.yaml", "dvc.yaml"):
        data = git.read(commit, f"{model.folder}{name}")
        if data is None:
            continue
        told = load_mapping(data, f"{model.folder}{name}")
        known = told.get("artifacts", {}) if name == "dvc.yaml" else told
        if isinstance(known, dict) and isinstance(about := known.get(model.artifact), dict):
            return _read(model, about)
    return Artifact()


def _read(model: Standing, about: Mapping[str, Json]) -> Artifact:
    labels = about.get("labels") or []
    tags = {str(each): "" for each in labels} if isinstance(labels, list) else {}
    if about.get("type"):
        tags["type"] = str(about["type"])
    more = about.get("custom") or about.get("meta") or {}
    params = more if isinstance(more, dict) else {"custom": more}
    path = about.get("path")
    return Artifact(
        path=None if path is None else _inside(model.folder, str(path)),
        description=str(about.get("description") or about.get("desc") or ""),
        tags={name: value for name, value in tags.items() if _KEY.fullmatch(name)},
        params=cast("Mapping[str, Json]", params),
    )


def _inside(folder: str, path: str) -> str:
    """Answer a path of the repository. Raises `Invalid` for one that leaves it."""
    text = str(PurePosixPath(folder) / path)
    try:
        return check_path(text)
    except Invalid as error:
        msg = f"the artifact path {path!r} is not inside the repository"
        raise Invalid(msg, path=path) from error
