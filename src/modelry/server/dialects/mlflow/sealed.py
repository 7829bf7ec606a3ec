"""The bytes of sealed versions, at addresses that a stock client reads with no tracking server.

An address `.../sealed/NAME/NUMBER/mlflow-artifacts/artifacts` is what MLflow
calls an HTTP artifact repository: below it are the files, and beside it a list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from starlette.responses import Response

from modelry.core.access import Action
from modelry.core.errors import Corrupt
from modelry.core.model import File, Version
from modelry.core.ports import Blobs
from modelry.core.service import Service
from modelry.server.dialects.mlflow.asked import Asked
from modelry.server.dialects.mlflow.doors import Document, MlflowCall, Work, door, raw_door
from modelry.server.dialects.mlflow.refusals import absent
from modelry.server.dialects.mlflow.sources import ARTIFACTS, SEALED
from modelry.server.sending import answer_file, headers_of

VERSION = f"{SEALED}/{{name}}/{{number}}{ARTIFACTS}"
FILE = f"{VERSION}/{{path:path}}"
SMALL = 64 * 1024
"""Bytes of the largest file that is read in one go, verified, and may be remembered."""


def _version(service: Service, project: str, name: str, number: object) -> Version:
    return service.resolve(f"{project}/{name}:{number}")


def list_files(asked: Asked) -> Work:
    """Answer what is in a folder of a version."""
    folder = asked.text("path").strip("/")

    def work(service: Service) -> Document:
        found = _version(service, asked.project, asked.place["name"], asked.place["number"])
        entries: dict[str, dict[str, object]] = {}
        start = f"{folder}/" if folder else ""
        for file in found.files:
            if file.path.startswith(start):
                name, slash, _ = file.path[len(start) :].partition("/")
                entry = {"path": name, "is_dir": bool(slash)}
                entries[name] = entry if slash else {**entry, "file_size": file.size}
        return {"files": [entries[name] for name in sorted(entries)]} if entries else {}

    return work


async def get_file(call: MlflowCall) -> Response:
    """Answer a file of a version, or a range of it."""
    place = call.request.path_params
    file = await call(lambda service: _file(
        _version(service, call.project, place["name"], place["number"]), place["path"]))  # fmt: skip
    headers = headers_of(file.path, file.sha256, file.size)
    desk = call.desk
    return await answer_file(call.request, file, headers, desk.world.blobs, desk.threads)


def small_file(asked: Asked, blobs: Blobs) -> Callable[[Service], Response | None]:
    """Answer a file whole, verified; None where it is not small."""
    project, place = asked.project, asked.place

    def work(service: Service) -> Response | None:
        file = _file(_version(service, project, place["name"], place["number"]), place["path"])
        if file.size > SMALL:
            return None
        data = _verified(file, blobs)
        return Response(data, headers=headers_of(file.path, file.sha256, file.size))

    return work


def _verified(file: File, blobs: Blobs) -> bytes:
    """Read a small file. Raises `Corrupt` where it is not what it was."""
    with blobs.open(file.sha256) as blob:
        data = blob.read(file.size + 1)
    if hashlib.sha256(data).hexdigest() != file.sha256:
        msg = f"the bytes of {file.path!r} (sha256:{file.sha256}) have changed; run modelry verify"
        raise Corrupt(msg, sha256=file.sha256)
    return data


def _file(version: Version, path: str) -> File:
    for file in version.files:
        if file.path == path:
            return file
    msg = f"No such artifact: '{path}'"
    raise absent(msg)


routes = [
    door("GET", VERSION, list_files, Action.READ),
    raw_door("GET", FILE, get_file, Action.READ),
]
