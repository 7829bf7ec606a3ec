"""What MLflow has no field for, kept in a tag of the run that holds a version's files.

A version that Modelry registers there has a run of its own, or the run that
the caller names. The tag `modelry.sealed/<folder>` of that run, JSON, tells
the digest by which `use` verifies the files, the label, and values in their
own types; MLflow keeps parameters as text. A version's own tags stay the
caller's alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from modelry.core.draft import Draft
from modelry.core.model import Dataset, File, Kind, Number
from modelry.core.strict_json import Json, dumps

KEY = "modelry.sealed/"
OURS = "modelry."
"""What the tags begin with that are kept at the run, not at the version."""

_LIMIT = 5000
"""Characters of a tag that every version of MLflow keeps."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the tag tells; everything may be missing where others made the version."""

    version: str = ""
    digest: str = ""
    kind: Kind = "folder"
    size: int = 0
    files: tuple[File, ...] = ()
    metrics: Mapping[str, Number] = field(default_factory=dict)
    params: Mapping[str, Json] = field(default_factory=dict)
    datasets: tuple[Dataset, ...] = ()
    run_id: str | None = None
    base: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def seal(draft: Draft, digest: str, kind: Kind, files: tuple[File, ...], base: str | None) -> str:
    """Write the tag; what does not fit is left out, the list of files first."""
    told: dict[str, Any] = {
        "version": draft.version or "",
        "digest": digest,
        "kind": kind,
        "size": sum(file.size for file in files),
        "run_id": draft.run_id,
        "base": base,
        "tags": {name: text for name, text in draft.tags.items() if name.startswith(OURS)},
        "datasets": [asdict(each) for each in draft.datasets],
        "metrics": {name: value for name, value in draft.metrics.items() if isinstance(value, int)},
        "params": {name: value for name, value in draft.params.items() if not isinstance(value, str)},
        "files": [[file.path, file.sha256, file.size] for file in files],
    }  # fmt: skip
    for name in ("files", "params", "metrics", "datasets"):
        if len(text := dumps(told)) <= _LIMIT:
            return text
        told.pop(name)
    return dumps(told)


def unseal(tags: Mapping[str, str], folder: str) -> Sealed:
    """Read the tag of the version in `folder` of a run; nothing where it is not ours."""
    try:
        told = json.loads(tags.get(f"{KEY}{folder}", "{}"))
        files = tuple(File(str(path), str(sha256), int(size))
                      for path, sha256, size in told.get("files", []))  # fmt: skip
        return Sealed(
            version=str(told.get("version", "")),
            digest=str(told.get("digest", "")),
            kind="file" if told.get("kind") == "file" else "folder",
            size=int(told.get("size", 0)),
            files=files,
            metrics=dict(told.get("metrics", {})),
            params=dict(told.get("params", {})),
            datasets=tuple(Dataset(**each) for each in told.get("datasets", [])),
            run_id=told.get("run_id"),
            base=told.get("base"),
            tags=dict(told.get("tags", {})),
        )
    except (ValueError, TypeError, AttributeError):
        return Sealed()  # somebody else wrote a tag of that name; it says nothing to us
