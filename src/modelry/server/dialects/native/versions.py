"""Versions and their stages: `/registry/models/.../versions` (S4.10, S4.11)."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Annotated, Any, cast

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from modelry.core.access import Action
from modelry.core.documents import Document, iso
from modelry.core.draft import DatasetInput, Draft, TagsInput, draft
from modelry.core.errors import Invalid, RegistryError
from modelry.core.events import Event, relabels
from modelry.core.model import Commit, Environment, File, Version
from modelry.core.names import parse_model
from modelry.core.service import Service
from modelry.core.verbs.enlist import Parts
from modelry.server import answers
from modelry.server.desk import Call
from modelry.server.dialects.native import schemas, shapes
from modelry.server.dialects.native.bytes import uploaded
from modelry.server.dialects.native.conditions import version_guard
from modelry.server.dialects.native.doors import CallOf, door
from modelry.server.dialects.native.places import model_name, version_ref
from modelry.server.dialects.native.wording import wording
from modelry.server.sources import source_of

router = APIRouter()
TAGS = ("versions",)
_LOG = logging.getLogger("modelry.server")

ModelId = Annotated[
    str,
    Path(
        description="An id, a name, or project/name.",
        examples=["credit-risk"],
        json_schema_extra=shapes.MODEL_NAMED,
    ),
]
VersionId = Annotated[str, Path(description="The id of a version.", max_length=64)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Skip = Annotated[int, Query(ge=0, le=1_000_000)]
Cursor = Annotated[str | None, Query(max_length=2000)]
StageName = Annotated[shapes.StageName | None, Query()]
Comment = Annotated[shapes.Comment, Query()]


def bodies(service: Service, versions: Collection[Version]) -> list[Document]:
    """Answer versions as the API shows them."""
    stamps = service.stamps(versions)
    return [answers.version_body(version, stamps) for version in versions]


def body_of(service: Service, version: Version) -> Document:
    """Answer a version as the API shows it."""
    return bodies(service, (version,))[0]


@door(router, "GET", "/registry/models/stages/{stage}/latest", "get_latest_version", Action.READ,
      answers=schemas.VersionDocument, tags=TAGS)  # fmt: skip
async def get_latest_version(
    call: CallOf,
    stage: Annotated[str, Path(examples=["production"], json_schema_extra=shapes.WORDED)],
    model_id: Annotated[
        str,
        Query(description="An id, a name or project/name.", json_schema_extra=shapes.MODEL_NAMED),
    ],
) -> Response:
    """Answer the version that a stage of a model names."""

    def read(service: Service) -> Response:
        name = model_name(service, model_id)
        known = service.stages(parse_model(name).project)
        ref = f"{name}@{known.stage(stage).name}"
        return answers.of_version(body_of(service, service.resolve(ref)))

    return await call(read)


@door(router, "GET", "/registry/models/versions/{version_id}", "get_version_by_id", Action.READ,
      answers=schemas.VersionDocument, tags=TAGS)  # fmt: skip
async def get_version_by_id(call: CallOf, version_id: VersionId) -> Response:
    """Answer a version by its id."""

    def read(service: Service) -> Response:
        version = service.resolve(version_ref(service, version_id))
        return answers.of_version(body_of(service, version))

    return await call(read)


@door(router, "PATCH", "/registry/models/versions/{version_id}", "update_version", Action.DESCRIBE,
      answers=schemas.VersionDocument, tags=TAGS)  # fmt: skip
async def update_version(call: CallOf, version_id: VersionId, body: schemas.Describe) -> Response:
    """Change the description and the tags of a version; everything else is sealed."""
    call.guard = version_guard(call.request, version_id)

    def change(service: Service) -> Response:
        ref = version_ref(service, version_id)
        service.reword(ref, wording(body))
        return answers.of_version(body_of(service, service.resolve(ref)))

    return await call(change)


@door(router, "DELETE", "/registry/models/versions/{version_id}", "delete_version", Action.REMOVE,
      status=204, tags=TAGS)  # fmt: skip
async def delete_version(call: CallOf, version_id: VersionId, comment: Comment = "") -> Response:
    """Delete a version; its number and label are not given out again."""
    call.guard = version_guard(call.request, version_id)

    def change(service: Service) -> Response:
        service.delete(version_ref(service, version_id), comment=comment)
        return answers.nothing()

    return await call(change)


@door(router, "POST", "/registry/models/versions/{version_id}/transition", "transition_version",
      Action.POINT, answers=schemas.VersionDocument, tags=TAGS)  # fmt: skip
async def transition_version(
    call: CallOf, version_id: VersionId, body: schemas.Transition
) -> Response:
    """Move a version into a stage, whose current version it becomes."""
    call.guard = version_guard(call.request, version_id)

    def change(service: Service) -> Response:
        version = service.promote(
            version_ref(service, version_id), body.stage,
            comment=body.comment, displace=body.displace, expect=body.expect,
        )  # fmt: skip
        return answers.of_version(body_of(service, version))

    return await call(change)


@door(router, "GET", "/registry/models/versions/{version_id}/transitions", "list_transitions",
      Action.READ, answers=schemas.Page, tags=TAGS)  # fmt: skip
async def list_transitions(
    call: CallOf, version_id: VersionId, *, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """List the moves of a version between stages, newest first."""

    def read(service: Service) -> Response:
        ref = version_ref(service, version_id)
        number = service.resolve(ref).number
        history = service.history(ref, limit=limit, cursor=cursor)
        items = [row for event in history.events for row in _transitions(event, number)]
        return answers.answer({"items": items, "next": history.next})

    return await call(read)


def _transitions(event: Event, number: int) -> list[Document]:
    return [
        {
            "from_stage": before, "to_stage": after, "comment": event.comment,
            "transitioned_by": event.actor, "transitioned_at": iso(event.at),
            "seq": event.seq, "kind": str(event.kind),
        }
        for moved, before, after in relabels(event)
        if moved == number
    ]  # fmt: skip


@door(router, "POST", "/registry/models/{model_id:model}/versions", "create_version",
      Action.REGISTER, status=201, answers=schemas.VersionDocument, tags=TAGS,
      more={200: {"description": "It is there", "model": schemas.VersionDocument}})  # fmt: skip
async def create_version(call: CallOf, model_id: ModelId, body: schemas.CreateVersion) -> Response:
    """Seal uploaded files, or metadata alone, as a new version of a model."""
    call.commit = Commit(**body.commit.model_dump()) if body.commit else None
    call.environment = Environment(**body.environment.model_dump()) if body.environment else None
    settings = call.desk.settings

    def change(service: Service) -> tuple[Document, int, Collection[str]]:
        with service.registering(model_id, body.version):
            name = model_name(service, model_id)
        begun = call.desk.world.clock.now()
        with service.registering(name, body.version):
            origin = source_of(body.source, body.artifact_version_id, settings.external_sources,
                               has_files=bool(body.files))  # fmt: skip
            files = tuple(File(each.path, each.sha256, each.size) for each in body.files)
            owned = uploaded(call, service, body.files)
            parts = Parts(body.kind, files, origin, frozenset(owned))
            version = service.enlist(name, parts, _draft(body), body.base, again=body.again)
        new = version.created >= begun  # then nothing can have happened to it yet
        document = answers.version_body(version, {}) if new else body_of(service, version)
        return document, 200 if body.again and not new else 201, owned.values()

    document, status, used = await call.once(change)
    if used:
        await call.desk.threads.move(lambda: _drop(call, used))
    if call.notes:
        document["notes"] = list(call.notes)
    return answers.of_version(document, status)


def _drop(call: Call, uploads: Collection[str]) -> None:
    """Let go of uploads whose bytes a version holds now; where that fails they end by time."""
    try:
        for each in uploads:
            call.desk.world.blobs.uploads.drop(each)
    except RegistryError as error:
        _LOG.warning("an upload could not be dropped: %s", error.message)


def _draft(body: schemas.CreateVersion) -> Draft:
    if body.params is not None and body.metadata is not None:
        msg = "params and metadata are one thing; give one of them"
        raise Invalid(msg, field="metadata")
    params: dict[str, Any] | None = body.params if body.params is not None else body.metadata
    return draft(
        version=body.version,
        metrics=body.metrics,
        params=params,
        tags=cast("TagsInput | None", body.tags),
        datasets=[_dataset(each) for each in body.datasets],
        description=body.description,
        run_id=body.run_id,
    )


def _dataset(given: schemas.DatasetIn | str) -> DatasetInput:
    return given if isinstance(given, str) else given.model_dump()


@door(router, "GET", "/registry/models/{model_id:model}/versions", "list_versions", Action.READ,
      answers=schemas.CountedPage, tags=TAGS)  # fmt: skip
async def list_versions(
    call: CallOf,
    model_id: ModelId,
    *,
    stage: StageName = None,
    skip: Skip = 0,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List the versions of a model, newest first."""

    def read(service: Service) -> Response:
        name = model_name(service, model_id)
        if cursor is not None:
            page = service.versions(name, stage=stage, limit=limit, cursor=cursor)
            found = bodies(service, page.items)
            return answers.answer(answers.page_body(found, page.next, limit=limit))
        leaf = service.find_versions(name, stage=stage, skip=skip, limit=limit)
        found = bodies(service, leaf.items)
        more = leaf.items and skip + len(found) < leaf.total
        following = str(leaf.items[-1].number) if more else None
        body = answers.page_body(found, following, total=leaf.total, skip=skip, limit=limit)
        return answers.answer(body)

    return await call(read)


@door(router, "GET", "/registry/models/{model_id:model}/versions/{version}", "get_version",
      Action.READ, answers=schemas.VersionDocument, tags=TAGS)  # fmt: skip
async def get_version(
    call: CallOf,
    model_id: ModelId,
    version: Annotated[
        str, Path(description="A number or a label.", json_schema_extra=shapes.LABELLED)
    ],
) -> Response:
    """Answer a version by its number or label."""

    def read(service: Service) -> Response:
        found = service.resolve(f"{model_name(service, model_id)}:{version}")
        return answers.of_version(body_of(service, found))

    return await call(read)
