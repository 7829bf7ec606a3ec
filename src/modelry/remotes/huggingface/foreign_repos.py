"""Repositories of the Hub that Modelry did not make: tags as versions, the card as metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from huggingface_hub import EvalResult, ModelInfo

from modelry.core.model import Dataset, Number, Version, micros
from modelry.remotes.huggingface.hub import HubApi, Refs

_SHORT = 12
_TAGS = ("license", "library_name", "pipeline_tag", "base_model", "language")


def foreign_versions(api: HubApi, name: str, refs: Refs) -> list[Version]:
    """Answer every tag as a version, newest first, and the head where no tag names it."""
    log = api.log(name)
    order = {each.commit_id: at for at, each in enumerate(reversed(log))}
    named = sorted((order.get(sha, len(order)), tag, sha) for tag, sha in refs.tags.items())
    if refs.head not in refs.tags.values():
        named.append((len(order), f"commit-{refs.head[:_SHORT]}", refs.head))
    whole = {each.commit_id: each for each in log}
    found: list[Version] = []
    for number, (_, label, sha) in enumerate(named, 1):
        info = api.info(name, sha)
        commit = whole.get(sha)
        card = dict(info.card_data.__dict__) if info.card_data else {}
        found.append(Version(
            id=0, project="default", name=name, number=number, version=_label(label), stage="none",
            aliases=tuple(sorted(each for each, of in refs.branches.items()
                                 if of == sha and each != "main")),
            digest="", kind="folder", files=(), size=0, metrics=_metrics(info), params={},
            tags=_tags(card), datasets=_datasets(card), description="", findings=None,
            source=f"hf://{api.id(name)}@{sha}", run_id=None, base=None, commit=None,
            environment="", author=next(iter(commit.authors), "") if commit else "",
            created=micros(commit.created_at) if commit else 0,
        ))  # fmt: skip
    return found[::-1]


def _label(tag: str) -> str:
    """Answer a label that sets no number: a tag that is a whole number becomes `tag-2`."""
    return f"tag-{tag}" if tag.lstrip("vV").isdigit() else tag


def _tags(card: Mapping[str, Any]) -> dict[str, str]:
    told = {str(each): "" for each in card.get("tags") or ()}
    for name in _TAGS:
        value = card.get(name)
        if value:
            told[name] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return told


def _datasets(card: Mapping[str, Any]) -> tuple[Dataset, ...]:
    given = card.get("datasets") or ()
    names = [given] if isinstance(given, str) else given
    return tuple(Dataset(str(each), uri=f"hf://datasets/{each}") for each in names)


def _metrics(info: ModelInfo) -> dict[str, Number]:
    results: list[EvalResult] = (info.card_data.eval_results if info.card_data else None) or []
    return {
        str(each.metric_name or each.metric_type): each.metric_value
        for each in results
        if isinstance(each.metric_value, int | float) and not isinstance(each.metric_value, bool)
    }
