"""The nouns as JSON documents, and back: the form that the command line and the API answer.

Names are stable; times are ISO 8601 in UTC with microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from modelry.core.access import Role
from modelry.core.accounts import Account, Member, Publisher, Token
from modelry.core.comparison import Comparison
from modelry.core.events import Event, EventKind, Problem
from modelry.core.inspection import findings_from_json, findings_to_json
from modelry.core.lifecycle import Lifecycle, lifecycle_to_json
from modelry.core.model import (
    Commit,
    Dataset,
    Deployment,
    File,
    Model,
    ModelSummary,
    Pointer,
    Version,
    micros,
    moment,
)

Document = dict[str, object]


def iso(at: int) -> str:
    """Answer a time as `2026-11-21T09:30:00.000000Z`."""
    return moment(at).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def iso_or_none(at: int | None) -> str | None:
    """Answer a time as text, None for none."""
    return None if at is None else iso(at)


def time_of(text: str) -> int:
    """Read what `iso` wrote."""
    return micros(datetime.fromisoformat(text))


def time_or_none(text: str | None) -> int | None:
    """Read what `iso_or_none` wrote."""
    return None if text is None else time_of(text)


def version_document(version: Version) -> Document:
    """Answer a version."""
    commit, found = version.commit, version.findings
    return {
        "id": version.uid,
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
        "sealed": version.sealed,
        "run_id": version.run_id,
        "base": version.base,
        "commit": None if commit is None else {
            "sha": commit.sha, "branch": commit.branch,
            "remote": commit.remote, "dirty": commit.dirty,
        },
        "environment_digest": version.environment,
        "author": version.author,
        "created_at": iso(version.created),
        "deleted_at": iso_or_none(version.deleted),
        "purged_at": iso_or_none(version.purged),
    }  # fmt: skip


def version_from(document: Mapping[str, Any]) -> Version:
    """Read what `version_document` wrote; `Version.id` is 0, as it is a store's own."""
    commit, findings = document["commit"], document["findings"]
    return Version(
        id=0,
        project=document["project"],
        name=document["name"],
        number=document["number"],
        version=document["version"],
        stage=document["stage"],
        aliases=tuple(document["aliases"]),
        digest=document["digest"],
        kind=document["kind"],
        files=tuple(File(f["path"], f["sha256"], f["size"]) for f in document["files"]),
        size=document["size"],
        metrics=document["metrics"],
        params=document["params"],
        tags=document["tags"],
        datasets=tuple(Dataset(d["name"], d["digest"], d["uri"]) for d in document["datasets"]),
        description=document["description"],
        findings=findings_from_json(findings) if findings else None,
        source=document["source"],
        run_id=document["run_id"],
        base=document["base"],
        commit=Commit(**commit) if commit else None,
        environment=document["environment_digest"],
        author=document["author"],
        created=time_of(document["created_at"]),
        deleted=time_or_none(document["deleted_at"]),
        purged=time_or_none(document["purged_at"]),
    )


def model_document(model: Model) -> Document:
    """Answer a model."""
    return {
        "id": model.uid,
        "project": model.project,
        "name": model.name,
        "full_name": model.full_name,
        "description": model.description,
        "tags": dict(model.tags),
        "last_number": model.last_number,
        "author": model.author,
        "created_at": iso(model.created),
        "updated_at": iso(model.updated),
    }


def model_from(document: Mapping[str, Any]) -> Model:
    """Read what `model_document` wrote; `Model.id` is 0, as it is a store's own."""
    return Model(
        id=0,
        project=document["project"],
        name=document["name"],
        description=document["description"],
        tags=document["tags"],
        last_number=document["last_number"],
        author=document["author"],
        created=time_of(document["created_at"]),
        updated=time_of(document["updated_at"]),
    )


def summary_document(summary: ModelSummary) -> Document:
    """Answer a model as a list shows it."""
    pointers = [pointer_document(each) for each in summary.pointers]
    return {**model_document(summary.model), "versions": summary.versions, "pointers": pointers}


def pointer_document(pointer: Pointer) -> Document:
    """Answer a pointer."""
    return {"name": pointer.name, "kind": pointer.kind, "number": pointer.number,
            "entry": pointer.entry, "since": pointer.since}  # fmt: skip


def summary_from(document: Mapping[str, Any]) -> ModelSummary:
    """Read what `summary_document` wrote."""
    pointers = tuple(Pointer(**each) for each in document["pointers"])
    return ModelSummary(model_from(document), document["versions"], pointers)


def event_document(event: Event) -> Document:
    """Answer an event."""
    return {
        "seq": event.seq,
        "kind": str(event.kind),
        "actor": event.actor,
        "at": iso(event.at),
        "number": event.number,
        "comment": event.comment,
        "body": dict(event.body),
        "chain": event.chain,
        "prev": event.prev,
        "hash": event.hash,
    }


def event_from(document: Mapping[str, Any]) -> Event:
    """Read what `event_document` wrote."""
    return Event(
        document["chain"], document["seq"], EventKind(document["kind"]), document["actor"],
        time_of(document["at"]), document["number"], document["body"],
        document["prev"], document["hash"],
    )  # fmt: skip


def deployment_document(deployment: Deployment) -> Document:
    """Answer a deployment."""
    return {
        "ref": deployment.ref, "project": deployment.project, "name": deployment.name,
        "seq": deployment.seq, "number": deployment.number, "version": deployment.version,
        "target": deployment.target, "actor": deployment.actor,
        "deployed_at": iso(deployment.at), "comment": deployment.comment,
    }  # fmt: skip


def deployment_from(document: Mapping[str, Any]) -> Deployment:
    """Read what `deployment_document` wrote."""
    return Deployment(
        project=document["project"], name=document["name"], seq=document["seq"],
        number=document["number"], version=document["version"], target=document["target"],
        actor=document["actor"], at=time_of(document["deployed_at"]),
        comment=document["comment"],
    )  # fmt: skip


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


def account_document(account: Account) -> Document:
    """Answer an account."""
    return {"name": account.name, "kind": account.kind, "created_at": iso(account.created),
            "disabled_at": iso_or_none(account.disabled), "subject": account.subject}  # fmt: skip


def account_from(document: Mapping[str, Any]) -> Account:
    """Read what `account_document` wrote."""
    return Account(document["name"], document["kind"], time_of(document["created_at"]),
                   time_or_none(document["disabled_at"]), document["subject"])  # fmt: skip


def member_document(member: Member) -> Document:
    """Answer a membership."""
    return {"project": member.project, "account": member.account, "role": str(member.role),
            "since": iso(member.since)}  # fmt: skip


def member_from(document: Mapping[str, Any]) -> Member:
    """Read what `member_document` wrote."""
    return Member(document["project"], document["account"], Role(document["role"]),
                  time_of(document["since"]))  # fmt: skip


def token_document(token: Token) -> Document:
    """Answer a token, without its secret and its digest."""
    return {
        "id": token.id, "account": token.account, "name": token.name, "project": token.project,
        "role": None if token.role is None else str(token.role),
        "created_at": iso(token.created), "expires_at": iso_or_none(token.expires),
        "last_used_at": iso_or_none(token.used),
    }  # fmt: skip


def token_from(document: Mapping[str, Any]) -> Token:
    """Read what `token_document` wrote; the digest is empty."""
    role = document["role"]
    return Token(
        document["id"], document["account"], document["name"], "",
        time_of(document["created_at"]), time_or_none(document["expires_at"]),
        document["project"], Role(role) if role else None,
        time_or_none(document["last_used_at"]),
    )  # fmt: skip


def publisher_document(publisher: Publisher) -> Document:
    """Answer a trusted publisher."""
    return {
        "id": publisher.id, "project": publisher.project, "issuer": publisher.issuer,
        "claims": dict(publisher.claims), "account": publisher.account,
        "role": str(publisher.role), "created_at": iso(publisher.created),
    }  # fmt: skip


def publisher_from(document: Mapping[str, Any]) -> Publisher:
    """Read what `publisher_document` wrote."""
    return Publisher(
        document["id"], document["project"], document["issuer"],
        cast("Mapping[str, str]", document["claims"]), document["account"],
        Role(document["role"]), time_of(document["created_at"]),
    )  # fmt: skip
