"""Models and versions as MLflow shows them: empty lists are left out, versions are text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelry.core.lifecycle import Lifecycle, Stage
from modelry.core.model import Version
from modelry.core.selection import Outline, outline_of, title_of
from modelry.core.verbs.catalogue import Entry, Sheet
from modelry.server.dialects.mlflow import stages
from modelry.server.dialects.mlflow.names import MODEL_ID, OWN, RUN_LINK

Shape = dict[str, Any]
_MICROS = 1000
"""Microseconds of a millisecond, in which MLflow counts time."""


def model_shape(entry: Entry) -> Shape:
    """Answer a registered model."""
    model, title = entry.model, title_of(entry.model)
    shape: Shape = {
        "name": title,
        "creation_timestamp": model.created // _MICROS,
        "last_updated_timestamp": entry.front.changed // _MICROS,
        "user_id": model.author,
    }
    if model.description:
        shape["description"] = model.description
    if latest := entry.latest:
        shape["latest_versions"] = [
            version_shape(entry.lifecycle, title, each, changed, listed=True)
            for each, changed in latest
        ]
    if tags := tags_shape(model.tags):
        shape["tags"] = tags
    if aliases := entry.front.aliases:
        shape["aliases"] = [{"alias": each.name, "version": str(each.number)} for each in aliases]
    return shape


def sheet_shape(sheet: Sheet) -> Shape:
    """Answer a version that was looked up beside its model."""
    return version_shape(
        sheet.lifecycle, title_of(sheet.model), outline_of(sheet.version), sheet.changed
    )


def new_shape(title: str, version: Version) -> Shape:
    """Answer a version that was just made: it is where its project begins."""
    return version_shape(
        Lifecycle((Stage(version.stage),)), title, outline_of(version), version.created
    )


def version_shape(
    lifecycle: Lifecycle, title: str, version: Outline, changed: int, *, listed: bool = False
) -> Shape:
    """Answer a version; one that is `listed` in its model says no aliases, which stand there."""
    _, number, stage, aliases, tags, description, source, run_id, author, created = version
    shape: Shape = {
        "name": title,
        "version": str(number),
        "creation_timestamp": created // _MICROS,
        "last_updated_timestamp": changed // _MICROS,
        "user_id": author,
        "current_stage": stages.NAMES.get(stage) or stages.shown(lifecycle, stage),
        "description": description,
        "source": source,
        "run_id": run_id or "",
        "status": "READY",
        "run_link": tags.get(RUN_LINK, ""),
    }
    if shown := tags_shape(tags):
        shape["tags"] = shown
    if aliases and not listed:
        shape["aliases"] = list(aliases)
    if model_id := tags.get(MODEL_ID):
        shape["model_id"] = model_id
    return shape


def tags_shape(tags: Mapping[str, str]) -> list[Shape]:
    """Answer tags as a list, without those that are fields here."""
    if not tags:
        return []
    return [{"key": key, "value": value} for key, value in tags.items() if not key.startswith(OWN)]
