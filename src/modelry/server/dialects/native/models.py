"""Registered models: `/registry/models` (S4.9)."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from modelry.core.access import Action
from modelry.core.draft import TagsInput
from modelry.core.errors import Invalid
from modelry.core.service import Service
from modelry.server import answers
from modelry.server.dialects.native import schemas, shapes
from modelry.server.dialects.native.conditions import model_guard
from modelry.server.dialects.native.doors import CallOf, door
from modelry.server.dialects.native.places import model_name
from modelry.server.dialects.native.versions import bodies
from modelry.server.dialects.native.wording import wording

router = APIRouter()
TAGS = ("models",)

ModelId = Annotated[
    str,
    Path(
        description="An id, a name, or project/name.",
        examples=["credit-risk"],
        json_schema_extra=shapes.MODEL_NAMED,
    ),
]
Limit = Annotated[int, Query(ge=1, le=1000)]
Skip = Annotated[int, Query(ge=0, le=1_000_000)]
Cursor = Annotated[str | None, Query(max_length=2000)]
Project = Annotated[shapes.ProjectName | None, Query(description="One project alone.")]
Comment = Annotated[shapes.Comment, Query()]


@door(router, "POST", "/registry/models", "create_model", Action.REGISTER,
      status=201, answers=schemas.ModelDocument, tags=TAGS)  # fmt: skip
async def create_model(call: CallOf, body: schemas.CreateModel) -> Response:
    """Make a registered model before its first version; 409 where it is there already."""
    within, slash, own = body.name.rpartition("/")
    project = _one(within if slash else None, body.project, body.project_id)
    name = body.name if project is None else f"{project}/{own}"
    tags = cast("TagsInput", body.tags or {})
    return await call(
        lambda service: answers.of_model(service.new_model(name, body.description or "", tags), 201)
    )


def _one(*named: str | None) -> str | None:
    """Answer the project that a request names in one or several ways; they have to agree."""
    given = [each for each in named if each is not None]
    if len({each.lower() for each in given}) > 1:
        msg = f"{' and '.join(map(repr, given))} are not one project; name it once"
        raise Invalid(msg, field="project_id")
    return given[0] if given else None


@door(router, "PUT", "/registry/models", "ensure_model", Action.REGISTER,
      answers=schemas.ModelDocument, tags=TAGS)  # fmt: skip
async def ensure_model(
    call: CallOf,
    body: schemas.EnsureModel,
    model: Annotated[str, Query(json_schema_extra=shapes.MODEL_NAMED)],
) -> Response:
    """Make a registered model; answers the one that is there already, as it is."""
    tags = cast("TagsInput", body.tags or {})
    return await call(
        lambda service: answers.of_model(
            service.create_model(model, description=body.description or "", tags=tags)
        )
    )


@door(router, "GET", "/registry/models", "list_models", Action.READ,
      answers=schemas.CountedPage, tags=TAGS)  # fmt: skip
async def list_models(
    call: CallOf,
    *,
    project: Project = None,
    project_id: Project = None,
    search: Annotated[
        str,
        Query(
            description="In names, any letter case.",
            json_schema_extra=shapes.SAID,
        ),
    ] = "",
    skip: Skip = 0,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List registered models by name, of every project that the caller may read."""
    place = _one(project, project_id)

    def read(service: Service) -> Response:
        if cursor is not None:
            page = service.models(place, limit=limit, cursor=cursor)
            items = [answers.summary_body(each) for each in page.items]
            return answers.answer(answers.page_body(items, page.next, limit=limit))
        leaf = service.find_models(place, search, skip=skip, limit=limit)
        items = [answers.summary_body(each) for each in leaf.items]
        last = leaf.items[-1].model if leaf.items and skip + len(items) < leaf.total else None
        following = f"{last.project}/{last.name}" if last and not search else None
        body = answers.page_body(items, following, total=leaf.total, skip=skip, limit=limit)
        return answers.answer(body)

    return await call(read)


@door(router, "GET", "/registry/models/summary", "get_summary", Action.READ,
      answers=schemas.Counts, tags=TAGS)  # fmt: skip
async def get_summary(call: CallOf, *, project: Project = None) -> Response:
    """Count registered models and versions, and versions by stage."""

    def read(service: Service) -> Response:
        counted = service.summary(project)
        return answers.answer(
            {
                "total_models": counted.models,
                "total_versions": counted.versions,
                "stages": dict(counted.stages),
            }
        )

    return await call(read)


@door(router, "GET", "/registry/models/{model_id:model}", "get_model", Action.READ,
      answers=schemas.SummaryDocument, tags=TAGS)  # fmt: skip
async def get_model(call: CallOf, model_id: ModelId) -> Response:
    """Answer a model with its pointers and its latest hundred versions."""
    return await call(lambda service: shown(service, model_id))


def shown(service: Service, place: str) -> Response:
    """Answer the model that a path names."""
    name = model_name(service, place)
    body = answers.summary_body(service.model(name))
    page = service.versions(name, limit=100)
    body["version_list"] = {"items": bodies(service, page.items), "next": page.next}
    return answers.answer(body, etag=answers.etag_of_model(body))


@door(router, "PATCH", "/registry/models/{model_id:model}", "update_model", Action.DESCRIBE,
      answers=schemas.ModelDocument, tags=TAGS)  # fmt: skip
async def update_model(call: CallOf, model_id: ModelId, body: schemas.Describe) -> Response:
    """Change the description and the tags of a model."""
    call.guard = model_guard(call.request, model_id)

    def change(service: Service) -> Response:
        name = model_name(service, model_id)
        service.reword(name, wording(body))
        return answers.of_model(service.model(name).model)

    return await call(change)


@door(router, "DELETE", "/registry/models/{model_id:model}", "delete_model", Action.REMOVE,
      status=204, tags=TAGS)  # fmt: skip
async def delete_model(call: CallOf, model_id: ModelId, comment: Comment = "") -> Response:
    """Delete a model; its name is not given out again, its history stays."""
    call.guard = model_guard(call.request, model_id)

    def change(service: Service) -> Response:
        service.delete(model_name(service, model_id), comment=comment)
        return answers.nothing()

    return await call(change)
