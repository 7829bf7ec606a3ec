"""Models and versions as MLflow shows them: empty lists are left out, versions are text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from modelry.core.lifecycle import Lifecycle, Stage
from modelry.core.model import Version
from modelry.core.selection import Outline, outline_of, title_of
from modelry.core.verbs.catalogue import Entry, Sheet
from modelry.server.dialects.mlflow import stages
from modelry.server.dialects.mlflow.names import MODEL_ID, OWN, RUN_LINK

_MICROS = 1000
"""Microseconds of a millisecond, in which MLflow counts time."""


class TagShape(msgspec.Struct, gc=False):
    """A tag."""

    key: str
    value: str


class AliasShape(msgspec.Struct, gc=False):
    """An alias of a model, and the version that it names."""

    alias: str
    version: str


class VersionShape(msgspec.Struct, omit_defaults=True, gc=False):
    """A version; times are milliseconds."""

    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str
    current_stage: str
    description: str
    source: str
    run_id: str
    status: str
    run_link: str
    tags: Sequence[TagShape] | None = None
    aliases: Sequence[str] | None = None
    model_id: str | None = None


class ModelShape(msgspec.Struct, omit_defaults=True, gc=False):
    """A registered model."""

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str
    description: str = ""
    latest_versions: Sequence[VersionShape] | None = None
    tags: Sequence[TagShape] | None = None
    aliases: Sequence[AliasShape] | None = None


def model_shape(entry: Entry) -> ModelShape:
    """Answer a registered model."""
    model, lifecycle, front, latest = entry.model, entry.lifecycle, entry.front, entry.latest
    title = title_of(model)
    return ModelShape(
        title,
        model.created // _MICROS,
        front.changed // _MICROS,
        model.author,
        model.description,
        [version_shape(lifecycle, title, each, at, listed=True) for each, at in latest] or None,
        _tags(model.tags) if model.tags else None,
        [AliasShape(each.name, str(each.number)) for each in front.aliases] or None,
    )


def sheet_shape(sheet: Sheet) -> VersionShape:
    """Answer a version that was looked up beside its model."""
    return version_shape(
        sheet.lifecycle, title_of(sheet.model), outline_of(sheet.version), sheet.changed
    )


def new_shape(title: str, version: Version) -> VersionShape:
    """Answer a version that was just made: it is where its project begins."""
    return version_shape(
        Lifecycle((Stage(version.stage),)), title, outline_of(version), version.created
    )


def version_shape(
    lifecycle: Lifecycle, title: str, version: Outline, changed: int, *, listed: bool = False
) -> VersionShape:
    """Answer a version; one that is `listed` in its model says no aliases, which stand there."""
    _, number, stage, aliases, tags, description, source, run_id, author, created = version
    return VersionShape(
        title,
        str(number),
        created // _MICROS,
        changed // _MICROS,
        author,
        stages.NAMES.get(stage) or stages.shown(lifecycle, stage),
        description,
        source,
        run_id or "",
        "READY",
        tags.get(RUN_LINK, ""),
        _tags(tags) if tags else None,
        aliases if aliases and not listed else None,
        tags.get(MODEL_ID) or None,
    )


def _tags(tags: Mapping[str, str]) -> Sequence[TagShape] | None:
    """Answer tags without those that are fields here, None where none is left."""
    return [TagShape(key, value) for key, value in tags.items() if not key.startswith(OWN)] or None
