"""The JSON forms: stable names, times as ISO 8601 in UTC."""

from __future__ import annotations

from collections.abc import Mapping

from modelry.core.comparison import Comparison
from modelry.core.events import Event, Problem
from modelry.core.inspection import findings_to_json
from modelry.core.lifecycle import Lifecycle, lifecycle_to_json
from modelry.core.model import Environment, Model, ModelSummary, Version, moment

Document = dict[str, object]


def iso(at: int) -> str:
    """Answer a time as `2026-11-21T09:30:00.000000Z`."""
    return moment(at).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def version_document(version: Version) -> Document:
    """Answer a version."""
    commit, found = version.commit, version.findings
    return {
        "ref": version.ref,
        "project": version.project,
        "name": version.name,
        "number": version.number,
        "version": version.version,
        "stage": version.stage,
        "aliases": list(version.aliases),
        "digest": version.digest,
        "model_uri": version.model_uri,
        "kind": version.kind,
        "size": version.size,
        "files": [{"path": f.path, "sha256": f.sha256, "size": f.size} for f in version.files],
        "metrics": dict(version.metrics),
        "params": dict(version.params),
        "tags": dict(version.tags),
        "datasets": [{"name": d.name, "digest": d.digest, "uri": d.uri} for d in version.datasets],
        "description": version.description,
        "findings": None if found is None else findings_to_json(found),
        "source": version.source,
        "run_id": version.run_id,
        "base": version.base,
        "commit": None if commit is None else {
            "sha": commit.sha, "branch": commit.branch,
            "remote": commit.remote, "dirty": commit.dirty,
        },
        "author": version.author,
        "created_at": iso(version.created),
        "purged_at": None if version.purged is None else iso(version.purged),
    }  # fmt: skip


def environment_document(
    digest: str, environment: Environment | None, *, packages: bool
) -> Document:
    """Answer an environment; its packages where they are wanted."""
    if environment is None:
        return {"digest": digest, "python": None, "platform": None, "package_count": None}
    document: Document = {
        "digest": digest,
        "python": environment.python,
        "platform": environment.platform,
        "package_count": len(environment.packages),
    }
    return {**document, "packages": dict(environment.packages)} if packages else document


def model_document(model: Model) -> Document:
    """Answer a model."""
    return {
        "project": model.project,
        "name": model.name,
        "full_name": model.full_name,
        "description": model.description,
        "tags": dict(model.tags),
        "author": model.author,
        "created_at": iso(model.created),
        "updated_at": iso(model.updated),
    }


def summary_document(summary: ModelSummary) -> Document:
    """Answer a model as a list shows it."""
    pointers = [{"name": each.name, "kind": each.kind, "number": each.number}
                for each in summary.pointers]  # fmt: skip
    return {**model_document(summary.model), "versions": summary.versions, "pointers": pointers}


def event_document(event: Event, sentence: str) -> Document:
    """Answer an event, with the sentence that a person reads."""
    return {
        "seq": event.seq,
        "kind": str(event.kind),
        "actor": event.actor,
        "at": iso(event.at),
        "number": event.number,
        "comment": event.comment,
        "sentence": sentence,
        "body": dict(event.body),
        "chain": event.chain,
        "prev": event.prev,
        "hash": event.hash,
    }


def comparison_document(comparison: Comparison) -> Document:
    """Answer a comparison; values are in the order of the versions."""
    metrics = [
        {
            "name": row.name,
            "values": list(row.values),
            "differences": list(row.differences),
            "lower_is_better": row.lower_is_better,
            "best": [comparison.versions[at].ref for at in sorted(row.best)],
        }
        for row in comparison.metrics
    ]
    return {
        "versions": [version_document(each) for each in comparison.versions],
        "metrics": metrics,
        "params": _lists(comparison.params),
        "files": _lists(comparison.files),
    }


def _lists(rows: Mapping[str, tuple[object, ...]]) -> Document:
    return {name: list(values) for name, values in rows.items()}


def problems_document(problems: tuple[Problem, ...]) -> list[Document]:
    """Answer what a verification found."""
    return [{"where": each.where, "what": each.what} for each in problems]


def lifecycle_document(project: str, lifecycle: Lifecycle) -> Document:
    """Answer the stages of a project; `modelry stages set` reads it."""
    return {"project": project, "stages": lifecycle_to_json(lifecycle)}
