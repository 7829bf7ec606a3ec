"""The bytes of sealed versions, at addresses that a stock client reads with no tracking server.

An address `.../sealed/NAME/NUMBER/mlflow-artifacts/artifacts` is what MLflow
calls an HTTP artifact repository: below it are the files, and beside it a list.
"""

from __future__ import annotations

from starlette.responses import Response

from modelry.core.access import Action
from modelry.core.model import File, Version
from modelry.core.service import Service
from modelry.server.dialects.mlflow.asked import Asked
from modelry.server.dialects.mlflow.doors import Document, MlflowCall, Work, door, raw_door
from modelry.server.dialects.mlflow.refusals import absent
from modelry.server.dialects.mlflow.sources import ARTIFACTS, SEALED
from modelry.server.sending import answer_file, headers_of

_VERSION = f"{SEALED}/{{name}}/{{number}}{ARTIFACTS}"


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


def _file(version: Version, path: str) -> File:
    for file in version.files:
        if file.path == path:
            return file
    msg = f"No such artifact: '{path}'"
    raise absent(msg)


routes = [
    door("GET", _VERSION, list_files, Action.READ),
    raw_door("GET", f"{_VERSION}/{{path:path}}", get_file, Action.READ),
]
