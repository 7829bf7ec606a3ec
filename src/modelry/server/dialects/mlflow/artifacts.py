"""The artifact proxy: bytes of runs and logged models, in and out.

A path names whose bytes they are; whoever may not read that project gets the
answer for what is absent. Files that come in parts are received in `parts.py`.
"""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import Response

from modelry.core.access import Action
from modelry.core.errors import NotFound, Unsupported
from modelry.core.model import File
from modelry.core.service import Service
from modelry.server.dialects.mlflow.asked import Asked
from modelry.server.dialects.mlflow.doors import (
    Document,
    MlflowCall,
    Work,
    door,
    json_answer,
    raw_door,
)
from modelry.server.dialects.mlflow.tracking_shapes import listing
from modelry.server.receiving import receive_whole
from modelry.server.sending import answer_file, headers_of

_BASE = "/2.0/mlflow-artifacts"
_ONE = f"{_BASE}/artifacts/{{artifact_path:path}}"
_PRESIGNED = "Presigned download is not supported for the current artifact repository"
_CHANGES = "private, no-cache"
_LINK_SECONDS = 600


def _path(request: Request) -> str:
    return str(request.path_params["artifact_path"]).rstrip("/")


async def _download(call: MlflowCall) -> Response:
    path, desk = _path(call.request), call.desk
    file = await call(lambda service: service.tracking().artifact(path))
    headers = headers_of(file.path, file.sha256, file.size)
    headers["Cache-Control"] = _CHANGES
    return await answer_file(call.request, file, headers, desk.world.blobs, desk.threads)


async def _upload(call: MlflowCall) -> Response:
    path, desk = _path(call.request), call.desk
    await call.beside(lambda service: service.tracking().may_put(path))
    uploads, upload = desk.world.blobs.uploads, secrets.token_hex(16)
    sha256, size = await receive_whole(
        call.request, uploads, upload, desk.threads, desk.settings.idle_seconds
    )
    try:
        file = File(path, sha256, size)
        await call.beside(
            lambda service: service.tracking().put_artifact(path, file), sha256.encode()
        )
    finally:
        await desk.threads.move(lambda: uploads.drop(upload))
    return Response(status_code=200)


async def _delete(call: MlflowCall) -> Response:
    path = _path(call.request)
    await call.beside(lambda service: service.tracking().delete_artifacts(path))
    return json_answer({})


def _list(asked: Asked) -> Work:
    path = asked.text("path").strip("/")

    def work(service: Service) -> Document:
        try:
            found = service.tracking().artifacts(path)
        except NotFound:
            return {}
        return listing([(each.path, each.size) for each in found])

    return work


async def _presigned(call: MlflowCall) -> Response:
    path, desk = _path(call.request), call.desk
    file = await call(lambda service: service.tracking().artifact(path))
    name = file.path.rpartition("/")[2]
    blobs, link = desk.world.blobs, None
    if desk.settings.redirects:
        link = await desk.threads.move(lambda: blobs.link(file.sha256, name, _LINK_SECONDS))
    if link is None:
        raise Unsupported(_PRESIGNED)
    return json_answer({"url": link, "headers": [], "file_size": file.size})


routes = [
    door("GET", f"{_BASE}/artifacts", _list),
    raw_door("GET", _ONE, _download, Action.READ),
    raw_door("PUT", _ONE, _upload, Action.LOG),
    raw_door("DELETE", _ONE, _delete, Action.REMOVE),
    raw_door("GET", f"{_BASE}/presigned/{{artifact_path:path}}", _presigned, Action.READ),
]
