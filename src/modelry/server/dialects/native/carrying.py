"""Whole registries and models on the move, and keeping the bytes in order."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Query
from starlette.responses import Response

from modelry.core.access import EVERYWHERE, Action
from modelry.core.documents import problems_document
from modelry.core.errors import Conflict
from modelry.core.service import Service
from modelry.core.verbs.audit import checkpoint_from_text
from modelry.core.verbs.export import Carried
from modelry.core.verbs.permit import permit
from modelry.core.verbs.remove import GRACE
from modelry.server import answers
from modelry.server.desk import Call
from modelry.server.dialects.native import schemas, shapes
from modelry.server.dialects.native.doors import CallOf, door
from modelry.server.sending import BlobResponse

router = APIRouter()
TAGS = ("carrying",)
TAR = "application/x-tar"


@door(router, "POST", "/registry/verifications", "verify_bytes", Action.READ,
      answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def verify_bytes(call: CallOf, body: schemas.VerifyBytes) -> Response:
    """Read every byte of a version, of a model or of everything; answer what is damaged."""

    def read(service: Service) -> Response:
        found = service.verify(body.ref)
        return answers.answer(
            {
                "blobs": found.blobs,
                "bytes": found.bytes,
                "problems": problems_document(found.problems),
            }
        )

    return await call(read)


@door(router, "POST", "/registry/collections", "collect_garbage", Action.OPERATE,
      answers=schemas.Freed, tags=TAGS)  # fmt: skip
async def collect_garbage(call: CallOf, body: schemas.Collect) -> Response:
    """Remove blobs that no version names and that are older than `grace` seconds."""

    def change(service: Service) -> Response:
        freed = service.gc(grace=GRACE if body.grace is None else float(body.grace))
        return answers.answer({"blobs": freed.blobs, "bytes": freed.bytes})

    return await call(change)


@door(router, "GET", "/registry/export", "export_models", Action.READ, tags=TAGS,
      more={200: {"description": "An archive",
                  "content": {TAR: {"schema": {"type": "string", "format": "binary"}}}}})  # fmt: skip
async def export_models(
    call: CallOf, *, model: Annotated[shapes.ModelName | None, Query()] = None
) -> Response:
    """Answer a model, or the whole registry, with history and bytes, as one archive."""

    def read(service: Service) -> BinaryIO:
        spool = tempfile.TemporaryFile(dir=_room(call))  # noqa: SIM115 - the answer closes it
        try:
            service.export(spool, model)
        except BaseException:
            spool.close()
            raise
        return spool

    spool = await call(read)
    size = spool.seek(0, 2)
    headers = {
        "Content-Type": TAR,
        "Content-Length": str(size),
        "Content-Disposition": 'attachment; filename="modelry.tar"',
    }
    return BlobResponse(spool, (0, size), 200, headers, call.desk.threads)


def _room(call: Call) -> str | None:
    """Answer a folder with room for an archive: the home folder where it can be written."""
    home = call.desk.settings.home.expanduser()
    return str(home) if home.is_dir() else None


@door(router, "POST", "/registry/imports", "import_models", Action.OPERATE,
      answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def import_models(call: CallOf, body: schemas.TakeIn) -> Response:
    """Take in the models of an archive that was uploaded."""

    def change(service: Service) -> Response:
        with _uploaded(call, service, body.upload) as stream:
            return _carried(service.import_(stream))

    return await call(change)


@door(router, "POST", "/registry/restorations", "restore_registry", Action.OPERATE,
      answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def restore_registry(call: CallOf, body: schemas.TakeIn) -> Response:
    """Fill this registry, which must be empty, from an archive that was uploaded."""

    def change(service: Service) -> Response:
        text = body.checkpoint
        seen = None if text is None else checkpoint_from_text(text.encode())
        with _uploaded(call, service, body.upload) as stream:
            return _carried(service.restore(stream, checkpoint=seen))

    return await call(change)


@contextmanager
def _uploaded(call: Call, service: Service, upload: str) -> Iterator[BinaryIO]:
    """Open the archive that a caller uploaded; who may take none in is told so first."""
    permit(call.desk.world_of(service.actor, call.trace), Action.OPERATE, EVERYWHERE)
    slip = call.desk.slips.read(upload, service.account)
    blobs = call.desk.world.blobs
    if blobs.uploads.received(slip.upload) != slip.size:
        msg = "the archive has not arrived whole; go on with its upload"
        raise Conflict(msg)
    blobs.uploads.finish(slip.upload, slip.sha256, slip.size)
    with blobs.open(slip.sha256) as stream:
        yield stream


def _carried(carried: Carried) -> Response:
    return answers.answer(
        {
            "models": carried.models,
            "versions": carried.versions,
            "events": carried.events,
            "blobs": carried.blobs,
            "bytes": carried.bytes,
        }
    )
