"""Artefacts that come in parts: several at once, in any order, as MLflow's client sends large files.

The client signs in to begin and to end. Its parts come without that, to
whatever address and with whatever headers the beginning named: here a slip,
which is good for the parts of this one artefact, for a day. Each part is an
upload of its own; the end puts them behind one another, and only then is there
an artefact. What nobody ends is swept like any other upload.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from starlette.responses import Response

from modelry.core.access import Action
from modelry.core.errors import Conflict, NotFound, Unauthenticated
from modelry.core.model import File
from modelry.core.ports import Uploads
from modelry.core.service import Service
from modelry.server.desk import Desk
from modelry.server.dialects.mlflow.asked import Asked, wrong
from modelry.server.dialects.mlflow.doors import MlflowCall, asked_in, json_answer, raw_door
from modelry.server.dialects.mlflow.refusals import absent, invalid
from modelry.server.receiving import receive_unsaid
from modelry.server.rules import Rule

_BASE = "/2.0/mlflow-artifacts/mpu"
_HEADER = "X-Modelry-Parts"
_PURPOSE = "parts"
_DAY = 24 * 3600 * 1_000_000
MOST = 10_000
"""How many parts an artefact has at most, as in S3."""

_COUNT = "num_parts"
_HOW_MANY = f"An artefact has 1 to {MOST} parts."


@dataclass(frozen=True, slots=True)
class Slip:
    """What the parts of one artefact carry: whose they are, where they go, how many, how long."""

    name: str
    account: str
    path: str
    count: int
    until: int

    def part(self, number: int) -> str:
        """Answer the name of a part among the uploads."""
        return hashlib.sha256(f"{self.name}/{number}".encode()).hexdigest()[:32]

    @property
    def parts(self) -> Sequence[str]:
        """The names of all parts."""
        return [self.part(number) for number in range(1, self.count + 1)]


async def _asked(call: MlflowCall) -> tuple[Asked, str, str]:
    """Read a request about an artefact: the address names its folder, `path` a file of the client.

    Answers also where the artefact is to be, and the account of a caller who
    may put it there. Raises for everybody else.
    """
    await call.desk.threads.run(call.actor)
    asked = await asked_in(call)
    name = asked.needed("path").replace("\\", "/").rpartition("/")[2]
    path = f"{str(call.request.path_params['artifact_path']).rstrip('/')}/{name}"

    def look(service: Service) -> str:
        service.tracking().may_put(path)
        return service.account

    return asked, path, await call.beside(look)


async def _create(call: MlflowCall) -> Response:
    asked, path, account = await _asked(call)
    desk, count = call.desk, asked.whole(_COUNT, 1)
    if not 0 < count <= MOST:
        raise wrong(_COUNT, count, _HOW_MANY)

    def begin() -> str:
        until = desk.world.clock.now() + _DAY
        return desk.slips.sign(_PURPOSE, [secrets.token_hex(16), account, path, count, until])

    slip = await desk.threads.run(begin)
    address = f"{call.base}/api{_BASE}/part"
    return json_answer({
        "upload_id": slip,
        "credentials": [
            {"url": f"{address}/{number}", "part_number": number, "headers": {_HEADER: slip}}
            for number in range(1, count + 1)
        ],
    })  # fmt: skip


async def _part(call: MlflowCall) -> Response:
    """Receive a part; sent once more, it takes the place of what came of it before."""
    desk, given = call.desk, call.request.headers.get(_HEADER, "")
    slip = await desk.threads.run(lambda: _read(desk, given))
    if slip is None or slip.until < desk.world.clock.now():
        msg = "a part takes the header that its beginning named, within a day; begin anew"
        raise Unauthenticated(msg)
    call.request.state.actor = slip.account
    number = str(call.request.path_params["number"])
    if not number.isascii() or not number.isdecimal() or not 0 < int(number[:9]) <= slip.count:
        msg = f"there is no part {number[:9]} of {slip.path}; it has {slip.count}"
        raise absent(msg)
    uploads, upload = desk.world.blobs.uploads, slip.part(int(number))
    await desk.threads.move(lambda: uploads.drop(upload))
    sha256, _ = await receive_unsaid(
        call.request, uploads, upload, desk.threads, desk.settings.idle_seconds
    )
    return Response(status_code=200, headers={"ETag": f'"{sha256}"'})


async def _complete(call: MlflowCall) -> Response:
    slip, asked = await _begun(call)
    tags = _tags(asked, slip)
    desk, uploads, whole = call.desk, call.desk.world.blobs.uploads, slip.name
    try:
        sha256, size = await desk.threads.move(lambda: _join(uploads, slip, tags))
        file = File(slip.path, sha256, size)
        await call.beside(
            lambda service: service.tracking().put_artifact(slip.path, file), sha256.encode()
        )
    finally:
        await desk.threads.move(lambda: uploads.drop(whole))
    await desk.threads.move(lambda: _drop(uploads, slip))
    return json_answer({})


async def _abort(call: MlflowCall) -> Response:
    slip, _ = await _begun(call)
    uploads = call.desk.world.blobs.uploads
    await call.desk.threads.move(lambda: _drop(uploads, slip))
    return json_answer({})


async def _begun(call: MlflowCall) -> tuple[Slip, Asked]:
    """Read whose parts a request is about. Raises `NotFound` for those of another, or elsewhere."""
    asked, path, account = await _asked(call)
    desk, given = call.desk, asked.needed("upload_id")
    slip = await desk.threads.run(lambda: _read(desk, given))
    if slip is None or slip.account != account or slip.path != path:
        msg = "there is no such upload in parts; begin it anew (mpu/create)"
        raise NotFound(msg)
    return slip, asked


def _read(desk: Desk, text: str) -> Slip | None:
    facts = desk.slips.signed(_PURPOSE, text)
    return None if facts is None else Slip(*cast("tuple[str, str, str, int, int]", tuple(facts)))


def _tags(asked: Asked, slip: Slip) -> Sequence[str]:
    """Answer the tags of all parts in their order. Raises `Refusal` where one is missing."""
    found: dict[object, str] = {
        each.get("part_number"): str(each.get("etag", "")).strip('"')
        for each in asked.items("parts")
    }
    wanted = range(1, slip.count + 1)
    if found.keys() != set(wanted):
        msg = f"{slip.path} has {slip.count} parts; name each of them once, by number and etag"
        raise invalid(msg)
    return [found[number] for number in wanted]


def _join(uploads: Uploads, slip: Slip, tags: Sequence[str]) -> tuple[str, int]:
    """Put the parts behind one another; answer sha256 and size of the whole."""
    whole, offset = slip.name, 0
    uploads.begin(whole, unsaid=True)
    for number, (part, tag) in enumerate(zip(slip.parts, tags, strict=True), 1):
        if uploads.digest(part)[0] != tag:
            msg = f"part {number} of {slip.path} is not the one with the etag {tag[:64]}"
            raise Conflict(msg, part=number)
        for piece in uploads.read(part):
            offset = uploads.append(whole, offset, piece)
    found = uploads.digest(whole)
    uploads.finish(whole, *found)
    return found


def _drop(uploads: Uploads, slip: Slip) -> None:
    for part in slip.parts:
        uploads.drop(part)


routes = [
    raw_door("POST", f"{_BASE}/create/{{artifact_path:path}}", _create, Action.LOG),
    raw_door("PUT", f"{_BASE}/part/{{number}}", _part, Rule.SLIP),
    raw_door("POST", f"{_BASE}/complete/{{artifact_path:path}}", _complete, Action.LOG),
    raw_door("POST", f"{_BASE}/abort/{{artifact_path:path}}", _abort, Action.LOG),
]
