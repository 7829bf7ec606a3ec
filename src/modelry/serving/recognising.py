"""What a version is, where its registry does not say: MLflow and the Hub keep no findings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from modelry.blobs.tree import LocalSources
from modelry.core.model import File, Version
from modelry.wiring import installed_formats


def recognised(version: Version, path: Path) -> Version:
    """Answer `version` with what its files at `path` say, if its registry found nothing.

    Its files are then those that lie there, without digests: their registry
    verified them, or nobody can. Raises `Invalid` for a file that lies.
    """
    if version.findings is not None:
        return version
    source = LocalSources().open(path)
    findings = installed_formats().inspect(source.kind, source.files)
    files = tuple(File(each.path, "", each.size) for each in source.files)
    return replace(version, kind=source.kind, files=version.files or files, findings=findings)
