"""Verbs that name a version by its ref, as the Python client and the command line do."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from modelry.core.access import Action
from modelry.core.documents import comparison_document, iso_or_none
from modelry.core.errors import Invalid
from modelry.core.service import Service
from modelry.server import answers
from modelry.server.dialects.native import schemas, shapes
from modelry.server.dialects.native.doors import CallOf, door
from modelry.server.dialects.native.versions import bodies, body_of
from modelry.server.dialects.native.wording import wording

router = APIRouter()
TAGS = ("refs",)

Ref = Annotated[
    str,
    Query(
        json_schema_extra=shapes.REFERRED,
        description="model:3, model:1.2.0, model@production, model@alias, model@sha256:...",
        examples=["credit-risk@production"],
    ),
]
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=2000)]
Comment = Annotated[shapes.Comment, Query()]


@door(router, "GET", "/registry/resolve", "resolve_version", Action.READ,
      answers=schemas.VersionDocument, tags=TAGS)  # fmt: skip
async def resolve_version(call: CallOf, ref: Ref) -> Response:
    """Answer the version that a ref names now; a model alone means production, else latest."""
    return await call(lambda service: answers.of_version(body_of(service, service.resolve(ref))))


@door(router, "POST", "/registry/promotions", "promote_version", Action.POINT,
      answers=schemas.VersionDocument, tags=TAGS)  # fmt: skip
async def promote_version(call: CallOf, body: schemas.Promote) -> Response:
    """Move a version into a stage, whose current version it becomes."""

    def change(service: Service) -> Response:
        version = service.promote(
            body.ref, body.stage,
            comment=body.comment, displace=body.displace, expect=body.expect,
        )  # fmt: skip
        return answers.of_version(body_of(service, version))

    return await call(change)


@door(router, "POST", "/registry/archivals", "archive_version", Action.POINT,
      answers=schemas.VersionDocument, tags=TAGS)  # fmt: skip
async def archive_version(call: CallOf, body: schemas.RefAndComment) -> Response:
    """Retire a version to the archive stage."""

    def change(service: Service) -> Response:
        version = service.archive(body.ref, comment=body.comment)
        return answers.of_version(body_of(service, version))

    return await call(change)


@door(router, "POST", "/registry/rollbacks", "rollback_stage", Action.POINT,
      answers=schemas.VersionDocument, tags=TAGS)  # fmt: skip
async def rollback_stage(call: CallOf, body: schemas.Rollback) -> Response:
    """Bring back the version that a stage named before."""

    def change(service: Service) -> Response:
        version = service.rollback(body.model, body.stage, comment=body.comment)
        return answers.of_version(body_of(service, version))

    return await call(change)


@door(router, "POST", "/registry/aliases", "set_alias", Action.POINT,
      answers=schemas.VersionDocument, tags=TAGS)  # fmt: skip
async def set_alias(call: CallOf, body: schemas.SetAlias) -> Response:
    """Point an alias of a model at a version of it."""

    def change(service: Service) -> Response:
        version = service.alias(body.model, body.alias, body.ref, comment=body.comment)
        return answers.of_version(body_of(service, version))

    return await call(change)


@door(router, "DELETE", "/registry/aliases", "delete_alias", Action.POINT,
      status=204, tags=TAGS)  # fmt: skip
async def delete_alias(
    call: CallOf,
    model: Annotated[str, Query(json_schema_extra=shapes.MODEL_NAMED)],
    alias: Annotated[str, Query(json_schema_extra=shapes.WORDED)],
    comment: Comment = "",
) -> Response:
    """Take an alias away from a model."""

    def change(service: Service) -> Response:
        service.remove_alias(model, alias, comment=comment)
        return answers.nothing()

    return await call(change)


@door(router, "PATCH", "/registry/refs", "update_ref", Action.DESCRIBE,
      status=204, tags=TAGS)  # fmt: skip
async def update_ref(call: CallOf, body: schemas.Describe, ref: Ref) -> Response:
    """Change what is said of a version, or of the model where the ref names no version."""

    def change(service: Service) -> Response:
        service.reword(ref, wording(body))
        return answers.nothing()

    return await call(change)


@door(router, "DELETE", "/registry/refs", "delete_ref", Action.REMOVE,
      status=204, tags=TAGS)  # fmt: skip
async def delete_ref(call: CallOf, ref: Ref, comment: Comment = "") -> Response:
    """Delete a version, or the model where the ref names no version."""

    def change(service: Service) -> Response:
        service.delete(ref, comment=comment)
        return answers.nothing()

    return await call(change)


@door(router, "POST", "/registry/purges", "purge_version", Action.REMOVE,
      answers=schemas.Freed, tags=TAGS)  # fmt: skip
async def purge_version(call: CallOf, body: schemas.RefAndComment) -> Response:
    """Free the bytes of a deleted version."""

    def change(service: Service) -> Response:
        freed = service.purge(body.ref, comment=body.comment)
        return answers.answer({"blobs": freed.blobs, "bytes": freed.bytes})

    return await call(change)


@door(router, "GET", "/registry/search", "search_versions", Action.READ,
      answers=schemas.Page, tags=TAGS)  # fmt: skip
async def search_versions(
    call: CallOf,
    *,
    q: Annotated[
        str, Query(max_length=4000, examples=["metrics.auc >= 0.9 and stage = production"])
    ] = "",
    project: Annotated[shapes.ProjectName | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Find versions, in every project that the caller may read."""

    def read(service: Service) -> Response:
        page = service.search(q, project_name=project, limit=limit, cursor=cursor)
        return answers.answer({"items": bodies(service, page.items), "next": page.next})

    return await call(read)


@door(router, "GET", "/registry/compare", "compare_versions", Action.READ,
      answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def compare_versions(
    call: CallOf,
    ref: Annotated[list[shapes.RefText], Query(min_length=1, max_length=50)],
    *,
    lower: Annotated[list[shapes.Key], Query(max_length=100)] = [],  # noqa: B006 - FastAPI copies it
    higher: Annotated[list[shapes.Key], Query(max_length=100)] = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Set versions side by side."""
    return await call(
        lambda service: answers.answer(
            comparison_document(service.compare(*ref, lower=lower, higher=higher))
        )
    )


@door(router, "GET", "/registry/history", "get_history", Action.READ,
      answers=schemas.Page, tags=TAGS)  # fmt: skip
async def get_history(
    call: CallOf,
    ref: Ref,
    *,
    as_of: Annotated[str | None, Query(max_length=64, examples=["2026-11-17T12:00:00Z"])] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Answer what happened to a model or a version, newest first, and its pointers then."""

    def read(service: Service) -> Response:
        at = time_of_text(as_of, "as_of")
        found = service.history(ref, as_of=at, limit=limit, cursor=cursor)
        return answers.answer(
            {
                "items": answers.event_bodies(found.events),
                "pointers": dict(found.pointers),
                "as_of": iso_or_none(found.as_of),
                "next": found.next,
            }
        )

    return await call(read)


def time_of_text(text: str | None, field: str) -> datetime | None:
    """Read a time in ISO 8601. Raises `Invalid`."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"{field} is {text!r}, which is no time; write 2026-11-17T12:00:00Z"
        raise Invalid(msg, field=field) from error


@door(router, "GET", "/registry/environment", "get_environment", Action.READ,
      answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def get_environment(call: CallOf, ref: Ref) -> Response:
    """Answer the Python and the packages that a version was registered from."""

    def read(service: Service) -> Response:
        found = service.environment(ref)
        return answers.answer(
            {"python": found.python, "platform": found.platform, "packages": dict(found.packages)}
        )

    return await call(read)
