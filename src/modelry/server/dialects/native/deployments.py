"""Deployments: which version was brought where."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from modelry.core.access import Action
from modelry.core.documents import deployment_document
from modelry.core.service import Service
from modelry.server import answers
from modelry.server.dialects.native import schemas, shapes
from modelry.server.dialects.native.doors import CallOf, door

router = APIRouter()
TAGS = ("deployments",)


@door(router, "POST", "/registry/deployments", "deploy_version", Action.DEPLOY,
      status=201, answers=schemas.DeploymentDocument, tags=TAGS)  # fmt: skip
async def deploy_version(call: CallOf, body: schemas.Deploy) -> Response:
    """Record that a version was brought to a target: a cluster, a service, a device."""

    def change(service: Service) -> Response:
        done = service.deploy(body.ref, body.target, comment=body.comment)
        return answers.answer(deployment_document(done), 201)

    return await call(change)


@door(router, "GET", "/registry/deployments", "list_deployments", Action.READ,
      answers=schemas.Page, tags=TAGS)  # fmt: skip
async def list_deployments(
    call: CallOf,
    *,
    model: Annotated[str, Query(json_schema_extra=shapes.MODEL_NAMED)],
    target: Annotated[shapes.Target | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """List where versions of a model were deployed, latest first."""

    def read(service: Service) -> Response:
        page = service.deployments(model, target=target, limit=limit, cursor=cursor)
        items = [deployment_document(each) for each in page]
        return answers.answer({"items": items, "next": page.next})

    return await call(read)
