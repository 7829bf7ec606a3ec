"""A version as an entry of a `registry.json`: six fields, and in `metadata` what a caller said.

`metadata` holds `description` and `metrics`, `tags` where they are a map of
texts, and every other key is a parameter of the version. What is read so and
written so is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from modelry.core.draft import Draft, checked_metrics, checked_params, checked_tags, draft
from modelry.core.errors import Invalid
from modelry.core.model import Number, Version, moment
from modelry.core.names import MAX_DESCRIPTION, check_text
from modelry.core.strict_json import Json

FIELDS = ("model_name", "version", "path", "status", "creation_timestamp", "metadata")
OURS = "modelry"
"""The key under `metadata` that is the registry's own."""

_NAMED = frozenset({"description", "metrics", "tags", OURS})

Entry = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Said:
    """What a caller says of a version under `metadata`."""

    description: str
    metrics: Mapping[str, Number]
    tags: Mapping[str, str]
    params: Mapping[str, Json]


def entry_of(version: Version) -> Entry:
    """Answer the entry of a version."""
    return {
        "model_name": version.full_name,
        "version": version.number,
        "path": version.source,
        "status": version.stage,
        "creation_timestamp": timestamp(version.created),
        "metadata": metadata_of(version),
    }


def timestamp(at: int) -> str:
    """Write a time as `2026-11-21T09:30:00Z`, with microseconds where it has any."""
    return moment(at).replace(tzinfo=None).isoformat() + "Z"


def metadata_of(version: Version) -> Entry:
    """Answer what was said of a version, in the form that `said_of` reads."""
    said: Entry = {}
    if version.description:
        said["description"] = version.description
    if version.metrics:
        said["metrics"] = dict(version.metrics)
    if version.tags:
        said["tags"] = dict(version.tags)
    return {**said, **{key: value for key, value in version.params.items() if shows(version, key)}}


def shows(version: Version, key: str) -> bool:
    """Say whether the parameter `key` can stand under `metadata` and be read as one again."""
    listed = key == "tags" and not version.tags and not _texts(version.params[key])
    return key not in _NAMED or listed


def said_of(metadata: object) -> Said:
    """Read what `metadata_of` wrote, or a person. Raises `Invalid` naming what is wrong."""
    if metadata is None:
        metadata = {}
    if not isinstance(metadata, Mapping):
        msg = f"metadata is a map, not {metadata!r}"
        raise Invalid(msg, field="metadata")
    given = dict(cast("Mapping[str, object]", metadata))
    description = given.pop("description", None)
    metrics = given.pop("metrics", None)
    if metrics is not None and not isinstance(metrics, Mapping):
        msg = f"metrics are a map of numbers, not {metrics!r}"
        raise Invalid(msg, field="metrics")
    tags = cast("Mapping[str, object]", given.pop("tags")) if _texts(given.get("tags")) else {}
    if OURS in given:
        msg = f"{OURS!r} under metadata is the registry's own; choose another key"
        raise Invalid(msg, field=OURS)
    return Said(
        check_text("" if description is None else description, "the description", MAX_DESCRIPTION),
        checked_metrics(metrics or {}),
        checked_tags(tags),
        checked_params(given),
    )


def _texts(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(each, str) for each in value.values())


def draft_of(version: int, metadata: object) -> Draft:
    """Answer what a caller says of a new version. Raises `Invalid`."""
    if isinstance(version, bool) or not isinstance(version, int):
        msg = f"a version is a whole number here, not {version!r}"
        raise Invalid(msg, field="version")
    said = said_of(metadata)
    return draft(
        version=version,
        metrics=said.metrics,
        params=said.params,
        tags=said.tags,
        datasets=(),
        description=said.description,
        run_id=None,
    )
