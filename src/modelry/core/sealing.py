"""What is sealed in a version: the manifest of its files and its document.

The *manifest* lists the files; its sha256 is the version's `digest`. The
*document* holds everything about a version that never changes; its sha256 is
in the event that registered it, so that an edited metric is found like an
edited event.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, cast

from modelry.core.inspection import findings_from_json, findings_to_json
from modelry.core.model import Commit, Dataset, Environment, File, Kind, Number, Version
from modelry.core.strict_json import Json, dumps


def sha256_of(text: str) -> str:
    """Answer the sha256 of `text` in UTF-8, as 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def manifest(files: Iterable[File]) -> str:
    """Write the canonical manifest: `{"files":[{"path":...,"sha256":...,"size":...},...]}`.

    Files are sorted by the UTF-8 bytes of their paths; keys are sorted, there
    is no white space, and text is UTF-8.
    """
    rows = sorted(files, key=lambda file: file.path.encode())
    return dumps({"files": [{"path": f.path, "sha256": f.sha256, "size": f.size} for f in rows]})


def digest_of(files: Iterable[File]) -> str:
    """Answer `sha256:` and the sha256 of the manifest of `files`."""
    return f"sha256:{sha256_of(manifest(files))}"


def environment_text(environment: Environment) -> str:
    """Write an environment in its canonical form."""
    packages = dict(environment.packages)
    return dumps(
        {"python": environment.python, "platform": environment.platform, "packages": packages}
    )


def environment_from_text(text: str) -> Environment:
    """Read what `environment_text` wrote."""
    value = json.loads(text)
    return Environment(value["python"], value["platform"], value["packages"])


def document(version: Version) -> str:
    """Write what is sealed of `version`, in canonical form."""
    return dumps(
        {
            "model": f"{version.project}/{version.name}",
            "number": version.number,
            "version": version.version,
            "kind": version.kind,
            "digest": version.digest,
            "files": [[file.path, file.sha256, file.size] for file in version.files],
            "metrics": version.metrics,
            "params": version.params,
            "datasets": [[each.name, each.digest, each.uri] for each in version.datasets],
            "findings": findings_to_json(version.findings) if version.findings else None,
            "source": version.source,
            "run_id": version.run_id,
            "base": version.base,
            "commit": cast("Json", asdict(version.commit)) if version.commit else None,
            "environment": version.environment,
            "author": version.author,
            "created": version.created,
        }
    )


def open_document(  # noqa: PLR0913 - what changes beside what is sealed
    text: str,
    *,
    id: int,  # noqa: A002 - the noun's own field
    stage: str,
    aliases: tuple[str, ...],
    tags: Mapping[str, str],
    description: str,
    deleted: int | None,
    purged: int | None,
) -> Version:
    """Make a version of its document and of what may change about it."""
    sealed: dict[str, Any] = json.loads(text)
    project, _, name = sealed["model"].partition("/")
    commit, findings = sealed["commit"], sealed["findings"]
    files = tuple([File(path, sha256, size) for path, sha256, size in sealed["files"]])
    return Version(
        id=id,
        project=project,
        name=name,
        number=sealed["number"],
        version=sealed["version"],
        stage=stage,
        aliases=aliases,
        digest=sealed["digest"],
        kind=cast("Kind", sealed["kind"]),
        files=files,
        size=sum([file.size for file in files]),
        metrics=cast("dict[str, Number]", sealed["metrics"]),
        params=sealed["params"],
        tags=tags,
        datasets=tuple([Dataset(*each) for each in sealed["datasets"]]),
        description=description,
        findings=findings_from_json(findings) if findings else None,
        source=sealed["source"],
        run_id=sealed["run_id"],
        base=sealed["base"],
        commit=Commit(**commit) if commit else None,
        environment=sealed["environment"],
        author=sealed["author"],
        created=sealed["created"],
        deleted=deleted,
        purged=purged,
    )
