"""The artifact proxy: bytes of runs and logged models, in and out, and of sealed versions, out.

A path names whose bytes they are; whoever may not read that project gets the
answer for what is absent. Multipart uploads are not spoken: MLflow's client
sends its parts at once and without signing in, and uses PUT where it is told so.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from modelry.core.access import Action
from modelry.core.errors import Invalid, NotFound, Unsupported
from modelry.core.model import File
from modelry.core.names import Ref, check_model, check_project
from modelry.core.service import Service
from modelry.core.tracking.places import nothing_at
from modelry.core.verbs.artifacts import listed
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
_MULTIPART = "Multipart upload is not supported for the current artifact repository"
_PRESIGNED = "Presigned download is not supported for the current artifact repository"
_CHANGES = "private, no-cache"
_LINK_SECONDS = 600
VERSIONS = "versions"
"""The first part of the paths of sealed files: `versions/PROJECT/MODEL/NUMBER/...`."""


def version_place(project: str, name: str, number: int) -> str:
    """Answer where the sealed files of a version are among the artefacts."""
    return f"{VERSIONS}/{project}/{name}/{number}"


def _is_sealed(path: str) -> bool:
    return path == VERSIONS or path.startswith(f"{VERSIONS}/")


def _sealed_files(service: Service, path: str) -> tuple[Sequence[File], str]:
    """Answer the files of the version that a path is in, and the path inside."""
    parts = path.split("/", 4)
    if len(parts) < 4 or not (parts[3].isascii() and parts[3].isdigit() and len(parts[3]) < 16):  # noqa: PLR2004 - versions, project, name, number of 64 bits
        raise nothing_at(path)
    try:
        ref = Ref(check_project(parts[1]), check_model(parts[2])).at(int(parts[3]))
        version = service.resolve(str(ref))
    except (Invalid, NotFound) as error:
        raise nothing_at(path) from error
    return version.files, parts[4] if len(parts) > 4 else ""  # noqa: PLR2004 - a path inside


def _found(path: str) -> Callable[[Service], File]:
    def find(service: Service) -> File:
        if not _is_sealed(path):
            return service.tracking().artifact(path)
        files, inside = _sealed_files(service, path)
        for file in files:
            if file.path == inside:
                return file
        raise nothing_at(path)

    return find


def _path(request: Request) -> str:
    return str(request.path_params["artifact_path"]).rstrip("/")


async def _download(call: MlflowCall) -> Response:
    path = _path(call.request)
    file = await call(_found(path))
    headers = headers_of(file.path, file.sha256, file.size)
    if not _is_sealed(path):
        headers["Cache-Control"] = _CHANGES
    return await answer_file(
        call.request, file, headers, call.desk.world.blobs, call.desk.threads
    )  # fmt: skip


async def _upload(call: MlflowCall) -> Response:
    path, desk = _path(call.request), call.desk
    await call.beside(_refuse_sealed(path, lambda service: service.tracking().may_put(path)))
    uploads, upload = desk.world.blobs.uploads, secrets.token_hex(16)
    sha256, size = await receive_whole(
        call.request, uploads, upload, desk.threads, desk.settings.idle_seconds
    )
    try:
        file = File(path, sha256, size)
        await call.beside(lambda service: service.tracking().put_artifact(path, file),
                          sha256.encode())  # fmt: skip
    finally:
        await desk.threads.move(lambda: uploads.drop(upload))
    return Response(status_code=200)


def _refuse_sealed(path: str, work: Callable[[Service], None]) -> Callable[[Service], None]:
    def change(service: Service) -> None:
        if not _is_sealed(path):
            work(service)
            return
        _sealed_files(service, path)  # says that it is absent to whoever may not know
        msg = "the files of a registered version are sealed; register another version"
        raise Invalid(msg, path=path)

    return change


async def _delete(call: MlflowCall) -> Response:
    path = _path(call.request)

    def work(service: Service) -> None:
        service.tracking().delete_artifacts(path)

    await call.beside(_refuse_sealed(path, work))
    return json_answer({})


def _list(asked: Asked) -> Work:
    path = asked.text("path").strip("/")

    def work(service: Service) -> Document:
        try:
            found = _entries(service, path)
        except NotFound:
            return {}
        return listing(found)

    return work


def _entries(service: Service, path: str) -> Sequence[tuple[str, int | None]]:
    if not _is_sealed(path):
        return [(each.path, each.size) for each in service.tracking().artifacts(path)]
    files, inside = _sealed_files(service, path)
    start = f"{inside}/" if inside else ""
    below = [replace(each, path=each.path[len(start) :])
             for each in files if each.path.startswith(start)]  # fmt: skip
    return [(each.path, each.size) for each in listed(below)]


async def _presigned(call: MlflowCall) -> Response:
    path, desk = _path(call.request), call.desk
    file = await call(_found(path))
    name = file.path.rpartition("/")[2]
    blobs, link = desk.world.blobs, None
    if desk.settings.redirects:
        link = await desk.threads.move(lambda: blobs.link(file.sha256, name, _LINK_SECONDS))
    if link is None:
        raise Unsupported(_PRESIGNED)
    return json_answer({"url": link, "headers": [], "file_size": file.size})


def _no_multipart(asked: Asked) -> Work:
    del asked

    def work(service: Service) -> Document:
        del service
        raise Unsupported(_MULTIPART)

    return work


routes = [
    door("GET", f"{_BASE}/artifacts", _list),
    raw_door("GET", _ONE, _download, Action.READ),
    raw_door("PUT", _ONE, _upload, Action.LOG),
    raw_door("DELETE", _ONE, _delete, Action.REMOVE),
    raw_door("GET", f"{_BASE}/presigned/{{artifact_path:path}}", _presigned, Action.READ),
    door("POST", f"{_BASE}/mpu/create/{{artifact_path:path}}", _no_multipart),
    door("POST", f"{_BASE}/mpu/complete/{{artifact_path:path}}", _no_multipart),
    door("POST", f"{_BASE}/mpu/abort/{{artifact_path:path}}", _no_multipart),
]
