"""A registry with runs in it, and what tests do with one."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

from modelry.core.access import Role
from modelry.core.model import File
from modelry.core.service import Service
from modelry.core.tracking.model import LoggedModel, Point, Run
from modelry.core.tracking.search import Search
from modelry.core.tracking.tracking import Tracking
from modelry.core.verbs.logged_models import Saving
from modelry.core.verbs.logging_runs import Batch
from modelry.core.verbs.runs import Beginning
from modelry.core.verbs.world import World
from modelry.testing.fakes import acting

EVERYTHING = Search(within=())


def begin(tracking: Tracking, experiment_id: str = "0", **facts: object) -> Run:
    return tracking.create_run(Beginning(experiment_id=experiment_id, **{"tags": {}, **facts}))  # type: ignore[arg-type]  # fields by name


def log(tracking: Tracking, run: Run, *points: Point, **facts: object) -> None:
    tracking.log(run.id, Batch(points=points, **{"tags": {}, **facts}))  # type: ignore[arg-type]  # fields by name


def save(tracking: Tracking, experiment_id: str = "0", **facts: object) -> LoggedModel:
    saving = Saving(experiment_id=experiment_id, **{"tags": {}, **facts})  # type: ignore[arg-type]  # fields by name
    return tracking.create_logged_model(saving)


def point(key: str, value: float, step: int = 0, **facts: object) -> Point:
    return Point(key=key, value=value, timestamp=5, step=step, **facts)  # type: ignore[arg-type]  # fields by name


def upload(world: World, data: bytes) -> tuple[str, File]:
    """Bring bytes as an upload, which keeps their blob; answer the upload and the file."""
    name, sha256 = secrets.token_hex(16), hashlib.sha256(data).hexdigest()
    world.blobs.uploads.begin(name)
    if data:
        world.blobs.uploads.append(name, 0, data)
    world.blobs.uploads.finish(name, sha256, len(data))
    return name, File("ignored", sha256, len(data))


def put(world: World, place: str, data: bytes) -> str:
    """Put an artefact as the server does; answer its sha256."""
    name, file = upload(world, data)
    Service(world).tracking().put_artifact(place, file)
    world.blobs.uploads.drop(name)
    return file.sha256


def someone(world: World, roles: Mapping[str, Role]) -> Tracking:
    """Answer tracking as somebody with these roles sees it."""
    return Service(acting(world, "eve", roles)).tracking()
