"""The documents of the API as bytes: those of the core, and what the API adds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec
from starlette.responses import Response

from modelry.core.documents import (
    Document,
    event_document,
    iso,
    iso_or_none,
    model_document,
    summary_document,
    version_document,
)
from modelry.core.events import Event
from modelry.core.model import Model, ModelSummary, Stamp, Version, uid

JSON = "application/json"
_ARTEFACT = "artifact:"
_UNKNOWN = Stamp(0)


def version_body(version: Version, stamps: Mapping[str, Stamp]) -> Document:
    """Answer a version as the API shows it."""
    stamp = stamps.get(version.ref, _UNKNOWN)
    document = version_document(version)
    artefact = version.source.startswith(_ARTEFACT)
    document["model_id"] = uid(version.project, version.name)
    document["metadata"] = document["params"]
    document["artifact_version_id"] = version.source.removeprefix(_ARTEFACT) if artefact else None
    document["approved_by"] = stamp.approver
    document["approved_at"] = iso_or_none(stamp.approved)
    document["updated_at"] = iso(stamp.updated or version.created)
    return document


def model_body(model: Model) -> Document:
    """Answer a model as the API shows it."""
    return _with_owner(model_document(model))


def summary_body(summary: ModelSummary) -> Document:
    """Answer a model with its counts and pointers as the API shows it."""
    return _with_owner(summary_document(summary))


def _with_owner(document: Document) -> Document:
    document["project_id"] = document["project"]
    document["created_by"] = document["author"]
    return document


def event_bodies(events: Sequence[Event]) -> list[Document]:
    """Answer events."""
    return [event_document(event) for event in events]


def page_body(
    items: Sequence[Document],
    following: str | None,
    *,
    total: int | None = None,
    skip: int = 0,
    limit: int = 0,
) -> Document:
    """Answer a page."""
    return {"items": list(items), "total": total, "skip": skip, "limit": limit, "next": following}


def etag_of(body: bytes) -> str:
    """Answer a strong entity tag (RFC 9110, 8.8.3) of what is answered."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def etag_of_model(document: Document) -> str:
    """Answer the entity tag of a model: `updated_at` moves with everything in it."""
    return etag_of(f"{document['id']} {document['updated_at']}".encode())


def unchanged(seen: str | None, etag: str | None) -> bool:
    """Say whether what a caller has (`If-None-Match`) is what would be answered (RFC 9110, 13.1.2)."""
    if seen is None or etag is None:
        return False
    known = {each.strip().removeprefix("W/") for each in seen.split(",")}
    return etag in known or known == {"*"}


def answer(document: object, status: int = 200, *, etag: str | None = None) -> Response:
    """Answer a document."""
    headers = {} if etag is None else {"ETag": etag}
    return Response(msgspec.json.encode(document), status, headers, JSON)


def of_model(model: Model, status: int = 200) -> Response:
    """Answer a model with its entity tag."""
    body = model_body(model)
    return answer(body, status, etag=etag_of_model(body))


def of_version(document: Document, status: int = 200) -> Response:
    """Answer a version with its entity tag."""
    body = msgspec.json.encode(document)
    return Response(body, status, {"ETag": etag_of(body)}, JSON)


def nothing() -> Response:
    """Answer that it is done."""
    return Response(status_code=204)
