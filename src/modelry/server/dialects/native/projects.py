"""Projects, their stages, their members and the pipelines they trust."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from modelry.core.access import Action
from modelry.core.documents import lifecycle_document, member_document, publisher_document
from modelry.core.service import Service
from modelry.server import answers
from modelry.server.dialects.native import schemas, shapes
from modelry.server.dialects.native.doors import CallOf, door
from modelry.server.rules import Rule

router = APIRouter()
TAGS = ("projects",)

Project = Annotated[str, Path(examples=["default"], json_schema_extra=shapes.NAMED)]
Everywhere = Annotated[
    str,
    Path(
        description="A project, or `*` for all of them.",
        examples=["default"],
        json_schema_extra=shapes.PLACED,
    ),
]
Account = Annotated[str, Path(json_schema_extra=shapes.ACCOUNTED)]


@door(router, "GET", "/registry/projects", "list_projects", Rule.SIGNED_IN,
      answers=schemas.Items, tags=TAGS)  # fmt: skip
async def list_projects(call: CallOf) -> Response:
    """Name every project that the caller may read."""
    return await call(lambda service: answers.answer({"items": list(service.projects())}))


@door(router, "POST", "/registry/projects", "create_project", Action.OPERATE,
      status=201, answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def create_project(call: CallOf, body: schemas.CreateProject) -> Response:
    """Make a project with the usual stages; answers the one that is there already."""
    return await call(
        lambda service: answers.answer(
            lifecycle_document(body.name.lower(), service.create_project(body.name)), 201
        )
    )


@door(router, "GET", "/registry/projects/{project}/stages", "get_stages", Action.READ,
      answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def get_stages(call: CallOf, project: Project) -> Response:
    """Answer the stages of a project."""
    return await call(lambda service: stages_of(service, project))


def stages_of(service: Service, project: str) -> Response:
    """Answer the stages of the project that a path names."""
    return answers.answer(lifecycle_document(project.lower(), service.stages(project)))


@door(router, "PUT", "/registry/projects/{project}/stages", "set_stages", Action.CONFIGURE,
      answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def set_stages(call: CallOf, project: Project, body: schemas.StagesIn) -> Response:
    """Replace the stages of a project."""
    return await call(
        lambda service: answers.answer(
            lifecycle_document(project.lower(), service.configure_stages(body.stages, project))
        )
    )


@door(router, "GET", "/registry/projects/{project}/history", "get_project_history", Action.READ,
      answers=schemas.Page, tags=TAGS)  # fmt: skip
async def get_project_history(
    call: CallOf,
    project: Project,
    *,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """Answer what happened to a project itself, newest first."""

    def read(service: Service) -> Response:
        found = service.project_history(project, limit=limit, cursor=cursor)
        items = answers.event_bodies(found.events)
        return answers.answer({"items": items, "next": found.next})

    return await call(read)


@door(router, "GET", "/registry/projects/{project}/members", "list_members", Action.READ,
      answers=schemas.Items, tags=TAGS)  # fmt: skip
async def list_members(call: CallOf, project: Everywhere) -> Response:
    """List who has a role in a project; `*` for who has one everywhere."""

    def read(service: Service) -> Response:
        found = service.admin.members(project)
        return answers.answer({"items": [member_document(each) for each in found]})

    return await call(read)


@door(router, "PUT", "/registry/projects/{project}/members/{account}", "set_member",
      Action.CONFIGURE, answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def set_member(
    call: CallOf, project: Everywhere, account: Account, body: schemas.RoleIn
) -> Response:
    """Give an account a role in a project, in place of the one it has there."""
    return await call(
        lambda service: answers.answer(
            member_document(service.admin.set_member(project, account, body.role))
        )
    )


@door(router, "DELETE", "/registry/projects/{project}/members/{account}", "delete_member",
      Action.CONFIGURE, status=204, tags=TAGS)  # fmt: skip
async def delete_member(call: CallOf, project: Everywhere, account: Account) -> Response:
    """Take an account's role in a project away."""

    def change(service: Service) -> Response:
        service.admin.remove_member(project, account)
        return answers.nothing()

    return await call(change)


@door(router, "GET", "/registry/projects/{project}/publishers", "list_publishers",
      Action.CONFIGURE, answers=schemas.Items, tags=TAGS)  # fmt: skip
async def list_publishers(call: CallOf, project: Project) -> Response:
    """List the pipelines that a project trusts."""

    def read(service: Service) -> Response:
        found = service.admin.publishers(project)
        return answers.answer({"items": [publisher_document(each) for each in found]})

    return await call(read)


@door(router, "POST", "/registry/projects/{project}/publishers", "trust_publisher",
      Action.CONFIGURE, status=201, answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def trust_publisher(call: CallOf, project: Project, body: schemas.TrustPublisher) -> Response:
    """Let pipelines whose OIDC token has these claims publish into a project."""
    return await call(
        lambda service: answers.answer(
            publisher_document(
                service.admin.trust_publisher(
                    project, body.issuer, body.claims, body.account, body.role
                )
            ),
            201,
        )
    )


@door(router, "DELETE", "/registry/projects/{project}/publishers/{publisher_id}",
      "distrust_publisher", Action.CONFIGURE, status=204, tags=TAGS)  # fmt: skip
async def distrust_publisher(
    call: CallOf, project: Project, publisher_id: Annotated[str, Path(max_length=64)]
) -> Response:
    """Trust a pipeline no more."""

    def change(service: Service) -> Response:
        service.admin.distrust_publisher(project, publisher_id)
        return answers.nothing()

    return await call(change)
