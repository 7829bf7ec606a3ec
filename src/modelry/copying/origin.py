"""Where a copy came from: its one tag, `modelry.origin`.

The tag is set with the registration, so that the event that made the copy
tells the original's registry, ref, author and time as facts. It also says
which versions were brought already when a copy is run again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from modelry.core.model import Version
from modelry.core.names import MAX_TEXT
from modelry.core.strict_json import Json, dumps

TAG = "modelry.origin"
PREFIX = "modelry."
"""What the tags begin with that are ours and are not compared."""


def origin_of(version: Version, where: str) -> str:
    """Write where a version comes from; its first author and time stay through several copies."""
    before = read(version.tags)
    told: dict[str, Any] = {
        "registry": where,
        "ref": ref_of(version),
        "author": before.get("author", version.author),
        "created": before.get("created", version.created_at.isoformat()),
        "source": version.source[:1024],
        "commit": asdict(version.commit) if version.commit else before.get("commit"),
    }
    text = dumps(cast("Json", {name: value for name, value in told.items() if value}))
    return text if len(text) <= MAX_TEXT else dumps({"registry": where, "ref": ref_of(version)})


def ref_of(version: Version) -> str:
    """Name a version as its registry does, whatever its name is made of."""
    return f"{version.full_name}:{version.number}"


def read(tags: Mapping[str, str]) -> Mapping[str, Any]:
    """Answer what the tag tells, nothing where there is none."""
    try:
        told = json.loads(tags.get(TAG, "{}"))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def came_from(version: Version, where: str) -> str | None:
    """Answer which version at `where` this one is a copy of, None for another's."""
    told = read(version.tags)
    return str(told.get("ref")) if told.get("registry") == where else None


def plain(tags: Mapping[str, str]) -> dict[str, str]:
    """Answer the tags that people set."""
    return {name: text for name, text in tags.items() if not name.startswith(PREFIX)}
