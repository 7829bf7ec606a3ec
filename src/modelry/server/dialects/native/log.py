"""The audit log: what happened everywhere, and whether it still stands as it was written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from modelry.core.access import Action
from modelry.core.documents import event_document, problems_document
from modelry.core.errors import Invalid
from modelry.core.events import EventKind, LogFilter, model_chain
from modelry.core.model import micros
from modelry.core.names import check_project, parse_model
from modelry.core.service import Service
from modelry.core.verbs.audit import checkpoint_from_text, checkpoint_to_text
from modelry.server import answers
from modelry.server.dialects.native import schemas, shapes
from modelry.server.dialects.native.doors import CallOf, door
from modelry.server.dialects.native.refs import time_of_text

router = APIRouter()
TAGS = ("audit",)
LINES = "application/x-ndjson"
Who = Annotated[str, Field(max_length=128, json_schema_extra={"pattern": shapes.TEXT})]
Kind = Annotated[str, Field(json_schema_extra={"enum": [str(each) for each in EventKind]})]
_BATCH = 1000


@door(router, "GET", "/registry/audit", "list_events", Action.READ,
      answers=schemas.Page, tags=TAGS)  # fmt: skip
async def list_events(
    call: CallOf,
    *,
    project: Annotated[shapes.ProjectName | None, Query()] = None,
    model: Annotated[shapes.ModelName | None, Query()] = None,
    actor: Annotated[Who | None, Query()] = None,
    kind: Annotated[list[Kind], Query(max_length=50)] = [],  # noqa: B006 - FastAPI copies it
    since: Annotated[str | None, Query(max_length=64)] = None,
    until: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """List what happened in every project that the caller may read, latest first.

    With `Accept: application/x-ndjson` every event that matches, one a line.
    """

    def filtered() -> tuple[str | None, LogFilter]:
        place = None if project is None else check_project(project)
        if model is not None:
            place = parse_model(model).project
        return place, _filter(model, actor, kind, since, until)

    def read(service: Service) -> Response:
        place, wanted = filtered()
        page = service.log(project_name=place, wanted=wanted, limit=limit, cursor=cursor)
        items = answers.event_bodies(page.items)
        return answers.answer({"items": items, "next": page.next})

    def stream(service: Service) -> Response:
        place, wanted = filtered()
        service.log(project_name=place, wanted=wanted, limit=1, cursor=cursor)
        return StreamingResponse(_lines(service, place, wanted, cursor), media_type=LINES)

    lines = LINES in call.request.headers.get("accept", "")
    return await call(stream if lines else read)


def _lines(
    service: Service, project: str | None, wanted: LogFilter, cursor: str | None
) -> Iterator[bytes]:
    """Answer page after page; each is read in a thread and none is held for a slow reader."""
    while True:
        page = service.log(project_name=project, wanted=wanted, limit=_BATCH, cursor=cursor)
        text = "".join(
            json.dumps(event_document(event), ensure_ascii=False) + "\n" for event in page.items
        )
        if text:
            yield text.encode()
        cursor = page.next
        if cursor is None:
            return


def _filter(
    model: str | None, actor: str | None, kinds: list[str], since: str | None, until: str | None
) -> LogFilter:
    chain = None
    if model is not None:
        ref = parse_model(model)
        chain = model_chain(ref.project, ref.name)
    first, last = time_of_text(since, "since"), time_of_text(until, "until")
    return LogFilter(
        chain=chain,
        actor=actor,
        kinds=frozenset(map(_kind, kinds)) or None,
        since=None if first is None else micros(first),
        until=None if last is None else micros(last),
    )


def _kind(text: str) -> EventKind:
    try:
        return EventKind(text)
    except ValueError as error:
        msg = f"there is no kind of event {text!r}; there are {', '.join(EventKind)}"
        raise Invalid(msg, field="kind") from error


@door(router, "GET", "/registry/audit/checkpoint", "get_checkpoint", Action.OPERATE,
      answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def get_checkpoint(call: CallOf) -> Response:
    """Answer the last record of every chain, to be kept elsewhere."""
    return await call(
        lambda service: Response(checkpoint_to_text(service.checkpoint()), media_type=answers.JSON)
    )


@door(router, "POST", "/registry/audit/verifications", "verify_audit", Action.READ,
      answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def verify_audit(call: CallOf, body: schemas.VerifyAudit) -> Response:
    """Verify every record's chain, every seal, and that the state is what the records tell."""

    def read(service: Service) -> Response:
        text = body.checkpoint
        seen = None if text is None else checkpoint_from_text(text.encode())
        found = service.audit(body.model, checkpoint=seen)
        return answers.answer(
            {
                "chains": found.chains,
                "events": found.events,
                "problems": problems_document(found.problems),
            }
        )

    return await call(read)
