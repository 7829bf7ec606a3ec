"""`modelry.json`: what a repository of the Hub says of a model and its versions.

The file lies on `main`, and so in every commit. What is sealed of a version
is under `version` in the commit that its tag `v<number>` names; what may
change of it, tags, description, stage, is under `changed` on `main`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast

from modelry.core.draft import Draft, checked_metrics, checked_tags
from modelry.core.errors import Invalid
from modelry.core.model import Dataset, File, Kind, Version
from modelry.core.names import check_path
from modelry.core.strict_json import Json, dumps, load_object

NAME = "modelry.json"
FORMAT = "modelry.hub.v1"


@dataclass(frozen=True, slots=True)
class Record:
    """The file: about the model, its last number, the version of this commit, the changes."""

    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    last: int = 0
    version: Mapping[str, Any] = field(default_factory=dict)
    changed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def write(self) -> bytes:
        """Write the file, canonical."""
        return dumps(cast("Json", {"format": FORMAT, **asdict(self)})).encode()

    def about(self, number: int) -> Mapping[str, Any]:
        """Answer what was changed of a version."""
        return self.changed.get(str(number), {})

    def change(self, number: int, **facts: object) -> Record:
        """Answer the record with other facts of a version."""
        about = {**self.about(number), **facts}
        return replace(self, changed={**self.changed, str(number): about})


def read_record(data: bytes, where: str) -> Record:
    """Read the file. Raises `Invalid` where somebody else wrote it."""
    told = load_object(data, f"{NAME} of {where}", max_bytes=64 * 1024 * 1024)
    if told.get("format") != FORMAT:
        msg = f"{NAME} of {where} was not written by Modelry; remove or rename it there"
        raise Invalid(msg, repo=where)
    fields: dict[str, Any] = {name: told[name] for name in Record.__slots__ if name in told}
    return Record(**fields)


def sealed(  # noqa: PLR0913 - a version has this many facts
    draft: Draft,
    number: int,
    digest: str,
    kind: Kind,
    files: tuple[File, ...],
    *,
    author: str,
    created: int,
    base: str | None,
    source: str,
) -> dict[str, Any]:
    """Answer what is sealed of a version."""
    return {
        "number": number, "version": draft.version or str(number), "digest": digest, "kind": kind,
        "files": [[file.path, file.sha256, file.size] for file in files],
        "metrics": dict(draft.metrics), "params": dict(draft.params), "tags": dict(draft.tags),
        "datasets": [asdict(each) for each in draft.datasets], "description": draft.description,
        "run_id": draft.run_id, "base": base, "source": source, "author": author,
        "created": created,
    }  # fmt: skip


def version_of(
    name: str, record: Record, about: Mapping[str, Any], aliases: tuple[str, ...]
) -> Version:
    """Answer the version that a commit seals, with what was changed since. Raises `Invalid`."""
    told = record.version
    try:
        files = tuple(File(check_path(path), str(sha256), int(size))
                      for path, sha256, size in told["files"])  # fmt: skip
        return Version(
            id=0, project="default", name=name, number=int(told["number"]),
            version=str(told["version"]), stage=str(about.get("stage", "none")), aliases=aliases,
            digest=str(told["digest"]), kind="file" if told["kind"] == "file" else "folder",
            files=files, size=sum(file.size for file in files),
            metrics=checked_metrics(told["metrics"]), params=dict(told["params"]),
            tags=checked_tags(about.get("tags", told["tags"])),
            datasets=tuple(Dataset(**each) for each in told["datasets"]),
            description=str(about.get("description", told["description"])), findings=None,
            source=str(told["source"]), run_id=told["run_id"], base=told["base"], commit=None,
            environment="", author=str(told["author"]), created=int(told["created"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{NAME} of {name} makes no sense ({error!r}); was it edited by hand?"
        raise Invalid(msg, model=name) from error
