"""Where artefacts are: `EXPERIMENT/RUN/artifacts/...` and `EXPERIMENT/models/MODEL/artifacts/...`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from modelry.core.errors import NotFound

RUN_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
MODEL_ID = re.compile(r"m-[0-9a-f]{32}", re.ASCII)
KEY = re.compile(r"[1-9][0-9]{0,19}|0/[a-z0-9._-]{1,128}", re.ASCII)
"""What ids and keys look like: nothing else is looked for in a store."""

SCHEME = "mlflow-artifacts:"
_ROOT = re.compile(
    r"(?P<experiment>[0-9]{1,20})/(?P<owner>[0-9a-f]{32}|models/m-[0-9a-f]{32})/artifacts"
    r"(?:/(?P<path>.*))?",
    re.ASCII | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class ArtifactPlace:
    """A place among artefacts: whose, of which experiment, and the path inside (empty: all)."""

    experiment_id: str
    owner: str
    path: str


def parse_place(text: str) -> ArtifactPlace:
    """Read a path among artefacts, or an address `mlflow-artifacts:/...`. Raises `NotFound`."""
    plain = text.removeprefix(SCHEME).lstrip("/") if text.startswith(SCHEME) else text
    found = _ROOT.fullmatch(plain.rstrip("/"))
    if found is None or "\0" in text:
        raise nothing_at(text)
    owner = found["owner"].removeprefix("models/")
    return ArtifactPlace(found["experiment"], owner, found["path"] or "")


def nothing_at(text: str) -> NotFound:
    """Say that no artefact is at a place, in the words for one that is not this caller's."""
    return NotFound(f"No such artifact: {text!r}", path=text)
