"""Files of versions, out and in: downloads with ranges, resumable uploads."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from modelry.core.access import Action
from modelry.core.documents import Document, iso
from modelry.core.errors import Conflict, Invalid, NotFound
from modelry.core.model import File
from modelry.core.service import Service
from modelry.server import answers
from modelry.server.desk import Call
from modelry.server.dialects.native import schemas
from modelry.server.dialects.native.doors import REFUSAL, CallOf, door
from modelry.server.dialects.native.places import version_ref
from modelry.server.receiving import receive
from modelry.server.rules import Rule
from modelry.server.sending import answer_file, headers_of
from modelry.server.slips import Slip

router = APIRouter()
TAGS = ("bytes",)
LINK_SECONDS = 600

VersionId = Annotated[str, Path(description="The id of a version.", max_length=64)]
UploadId = Annotated[str, Path(description="What beginning the upload answered.", max_length=1000)]
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@door(router, "GET", "/registry/models/versions/{version_id}/files/{path:path}", "download_file",
      Action.READ, tags=TAGS, head=True, more={
          200: {"description": "The file", "content": _BYTES},
          206: {"description": "A range of it", "content": _BYTES},
          304: {"description": "The caller has it"},
          307: {"description": "It is there, at the object store"},
          416: {"description": "No such range", "content": REFUSAL}})  # fmt: skip
async def download_file(
    call: CallOf,
    version_id: VersionId,
    path: Annotated[str, Path(description="The path inside the version.", max_length=1024)],
    *,
    redirect: Annotated[bool, Query(description="A presigned address will do.")] = False,
) -> Response:
    """Answer a file of a version, or one range of it; its entity tag is its sha256."""
    request, desk = call.request, call.desk
    file = await call(lambda service: _file(service, version_id, path))
    headers = headers_of(file.path, file.sha256, file.size)
    tag = headers["ETag"]
    if answers.unchanged(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers={"ETag": tag})
    blobs = desk.world.blobs
    if redirect and desk.settings.redirects:
        name = file.path.rpartition("/")[2]
        link = await desk.threads.move(lambda: blobs.link(file.sha256, name, LINK_SECONDS))
        if link is not None:
            return RedirectResponse(link, 307, {"Cache-Control": "no-store"})
    return await answer_file(request, file, headers, blobs, desk.threads)


def _file(service: Service, version_id: str, path: str) -> File:
    version = service.resolve(version_ref(service, version_id))
    for file in version.files:
        if file.path == path:
            return file
    msg = f"{version.ref} has no file {path!r}"
    raise NotFound(msg, ref=version.ref, path=path)


@door(router, "POST", "/registry/uploads/missing", "find_missing", Rule.SIGNED_IN,
      answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def find_missing(call: CallOf, body: schemas.Digests) -> Response:
    """Answer which blobs must be uploaded; the others the caller may read already."""

    def read(service: Service) -> Response:
        wanted = sorted(set(body.digests))
        known = service.among(wanted)
        return answers.answer({"missing": [each for each in wanted if each not in known]})

    return await call(read)


@door(router, "POST", "/registry/uploads", "begin_upload", Rule.SIGNED_IN,
      status=201, answers=schemas.Upload, tags=TAGS)  # fmt: skip
async def begin_upload(call: CallOf, body: schemas.BeginUpload) -> Response:
    """Begin an upload; it can be continued after any interruption."""
    desk = call.desk

    def change(service: Service) -> Response:
        slip = desk.slips.new(service.account, body.sha256, body.size)
        uploads = desk.world.blobs.uploads
        uploads.begin(slip.upload)
        if not slip.size:
            uploads.finish(slip.upload, slip.sha256, 0)
        document = _document(desk.slips.write(slip), slip, 0)
        kept = round(desk.settings.upload_hours * 3_600_000_000)
        document["expires_at"] = iso(desk.world.clock.now() + kept)
        response = answers.answer(document, 201)
        response.headers["Location"] = f"/registry/uploads/{document['id']}"
        return response

    return await call(change)


def _document(identity: str, slip: Slip, offset: int) -> Document:
    return {"id": identity, "offset": offset, "size": slip.size, "sha256": slip.sha256,
            "complete": offset == slip.size}  # fmt: skip


def _progress(slip: Slip, offset: int) -> dict[str, str]:
    return {"Upload-Offset": str(offset), "Upload-Length": str(slip.size),
            "Cache-Control": "no-store"}  # fmt: skip


async def _slip(call: Call, upload_id: str) -> Slip:
    return await call.desk.threads.run(lambda: call.desk.slips.read(upload_id, call.actor().name))


@door(router, "GET", "/registry/uploads/{upload_id:upload}", "get_upload", Rule.SELF,
      answers=schemas.Upload, tags=TAGS, head=True)  # fmt: skip
async def get_upload(call: CallOf, upload_id: UploadId) -> Response:
    """Answer how far an upload is."""
    slip = await _slip(call, upload_id)
    offset = await call.desk.threads.move(lambda: _received(call, slip))
    response = answers.answer(_document(upload_id, slip, offset))
    response.headers.update(_progress(slip, offset))
    return response


def _received(call: Call, slip: Slip) -> int:
    return call.desk.world.blobs.uploads.received(slip.upload)


@door(router, "PATCH", "/registry/uploads/{upload_id:upload}", "append_upload", Rule.SELF,
      status=204, tags=TAGS,
      more={415: {"description": "Not application/octet-stream", "content": REFUSAL},
            416: {"description": "Another offset is next", "content": REFUSAL}},
      extra={"requestBody": {"required": True, "content": _BYTES},
             "parameters": [{"name": "Upload-Offset", "in": "header", "required": True,
                             "schema": {"type": "integer", "minimum": 0}}]})  # fmt: skip
async def append_upload(call: CallOf, upload_id: UploadId, request: Request) -> Response:
    """Add bytes at the offset that is next; with the last byte the digest is checked."""
    desk = call.desk
    uploads = desk.world.blobs.uploads
    slip = await _slip(call, upload_id)
    received = await desk.threads.move(lambda: _received(call, slip))
    if _offset(request) != received:
        msg = f"the next byte of this upload is {received}; go on from there"
        raise Invalid(msg, reason="offset", received=received)
    if received < slip.size:
        received = await receive(request, uploads, slip, received, desk.threads,
                                 desk.settings.idle_seconds)  # fmt: skip
    if received == slip.size:
        await desk.threads.move(lambda: uploads.finish(slip.upload, slip.sha256, slip.size))
    return Response(status_code=204, headers=_progress(slip, received))


def _offset(request: Request) -> int:
    if not request.headers.get("content-type", "").startswith("application/octet-stream"):
        msg = "the bytes of an upload are sent as Content-Type: application/octet-stream"
        raise Invalid(msg, reason="media_type")
    text = request.headers.get("upload-offset", "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):  # noqa: PLR2004 - fits 64 bits
        msg = "say where these bytes begin: Upload-Offset: 0, or what HEAD answered"
        raise Invalid(msg, reason="unreadable", field="Upload-Offset")
    return int(text)


@door(router, "DELETE", "/registry/uploads/{upload_id:upload}", "delete_upload", Rule.SELF,
      status=204, tags=TAGS)  # fmt: skip
async def delete_upload(call: CallOf, upload_id: UploadId) -> Response:
    """Forget an upload and the bytes that it holds."""
    slip = await _slip(call, upload_id)
    await call.desk.threads.move(lambda: call.desk.world.blobs.uploads.drop(slip.upload))
    return answers.nothing()


def uploaded(call: Call, service: Service, files: list[schemas.FileIn]) -> dict[str, str]:
    """Answer the digests of files that this caller uploaded whole, and the uploads they came by.

    One that is gone was used already, by the same request sent before.
    """
    found: dict[str, str] = {}
    uploads = call.desk.world.blobs.uploads
    for each in files:
        if each.upload is None:
            continue
        slip = call.desk.slips.read(each.upload, service.account)
        if (slip.sha256, slip.size) != (each.sha256, each.size):
            msg = f"the upload of {each.path!r} is of other bytes"
            raise Conflict(msg, path=each.path)
        with suppress(NotFound):
            uploads.finish(slip.upload, slip.sha256, slip.size)
            found[slip.sha256] = slip.upload
    return found
