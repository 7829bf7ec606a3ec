"""Versions of registered models: made, described, moved between stages, looked up, searched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from starlette.exceptions import HTTPException

from modelry.core.access import Action
from modelry.core.errors import NotFound
from modelry.core.lifecycle import ARCHIVE, KEEP, Lifecycle
from modelry.core.names import MAX_NUMBER
from modelry.core.selection import name_for
from modelry.core.service import Service
from modelry.core.verbs.catalogue import Sheet
from modelry.core.verbs.describe import Wording
from modelry.core.verbs.promote import Wish
from modelry.server.dialects.mlflow import sources, stages
from modelry.server.dialects.mlflow.asked import Asked
from modelry.server.dialects.mlflow.doors import Document, Work, door
from modelry.server.dialects.mlflow.filters import version_selection
from modelry.server.dialects.mlflow.models import untag, value_in
from modelry.server.dialects.mlflow.names import (
    key_in,
    name_in,
    no_model,
    no_version,
    number_of,
    ref_of,
    tags_in,
    version_in,
)
from modelry.server.dialects.mlflow.pages import page, page_in
from modelry.server.dialects.mlflow.refusals import Refusal, invalid
from modelry.server.dialects.mlflow.shapes import new_shape, sheet_shape, version_shape

_BASE = "/2.0/mlflow/model-versions"


@contextmanager
def told_of(name: str, version: str = "") -> Iterator[None]:
    """Say of what is not there that it is not, in MLflow's words."""
    try:
        yield
    except NotFound as error:
        if "ref" in error.facts and version:
            raise no_version(name, version) from error
        if "model" in error.facts:
            raise no_model(name) from error
        raise


def _ref(asked: Asked, name: str, version: str) -> str:
    number = number_of(version)
    if not 0 < number < MAX_NUMBER:
        raise no_version(name, version)
    return ref_of(asked, name, f":{number}")


def sheet_of(service: Service, asked: Asked, name: str, version: str) -> Sheet:
    """Answer a version beside its model. Raises `Refusal` where there is none."""
    with told_of(name, version):
        return service.sheet(_ref(asked, name, version))


def _answer(service: Service, asked: Asked, name: str, version: str) -> Document:
    return {"model_version": sheet_shape(sheet_of(service, asked, name, version))}


def create(asked: Asked) -> Work:
    """Seal what a source holds as a new version, or keep where it is."""
    name, wish = name_in(asked), sources.wish_in(asked, tags_in(asked))

    def work(service: Service) -> Document:
        with _registering(service, asked), told_of(name):
            version = sources.seal(service, asked, ref_of(asked, name), wish)
        title = name if version.name == name_for(name) else version.name
        return {"model_version": new_shape(title, version)}

    return work


def _not_created(asked: Asked, refusal: Exception) -> Work:
    """Record a request for a version that cannot be read, and refuse it."""

    def work(service: Service) -> Document:
        with _registering(service, asked):
            raise refusal

    return work


def _registering(service: Service, asked: Asked) -> AbstractContextManager[None]:
    """Record what is refused, under the name as it was sent."""
    name = f"{asked.project}/{asked.given.get('name') or ''}"
    return service.registering(name, None, Refusal, HTTPException)


def update(asked: Asked) -> Work:
    """Describe a version; nothing said takes the description away."""
    name, version = name_in(asked), version_in(asked)
    description = asked.text("description")

    def work(service: Service) -> Document:
        with told_of(name, version):
            service.reword(_ref(asked, name, version), Wording(description))
        return _answer(service, asked, name, version)

    return work


def transition(asked: Asked) -> Work:
    """Move a version to a stage; those that are there are archived, or keep their label."""
    name, version = name_in(asked), version_in(asked)
    stage, archiving = asked.needed("stage"), asked.flag("archive_existing_versions")

    def choice(lifecycle: Lifecycle) -> Wish:
        target = stages.known(stage, lifecycle)
        if archiving and stages.shown(lifecycle, target) not in stages.ACTIVE:
            raise stages.inactive(stage)
        if archiving and lifecycle.archive is None:
            msg = f"the project {asked.project} has no stage to archive to"
            raise invalid(msg)
        return Wish(target, displace=ARCHIVE if archiving else KEEP)

    def work(service: Service) -> Document:
        with told_of(name, version):
            sheet = service.transition(_ref(asked, name, version), choice)
        return {"model_version": sheet_shape(sheet)}

    return work


def delete(asked: Asked) -> Work:
    """Leave a tombstone in place of a version; its aliases go, and a live one stays."""
    name, version = name_in(asked), version_in(asked)

    def work(service: Service) -> Document:
        with told_of(name, version):
            service.retire(_ref(asked, name, version))
        return {}

    return work


def get(asked: Asked) -> Work:
    """Answer a version."""
    name, version = name_in(asked), version_in(asked)
    return lambda service: _answer(service, asked, name, version)


def search(asked: Asked) -> Work:
    """Answer a page of versions."""
    where = page_in(asked, default=200_000, most=200_000)
    selection = version_selection(asked.text("filter"), asked.texts("order_by"), where)

    def work(service: Service) -> Document:
        lifecycle, found = service.select_versions(asked.project, selection)
        return page("model_versions", found, where, lambda each: version_shape(
            lifecycle, each.title, each.version, each.changed))  # fmt: skip

    return work


def download_uri(asked: Asked) -> Work:
    """Answer where the bytes of a version are: here, where they are sealed."""
    name, version = name_in(asked), version_in(asked)

    def work(service: Service) -> Document:
        sheet = sheet_of(service, asked, name, version)
        return {"artifact_uri": sources.location(service, asked, sheet.version)}

    return work


def set_tag(asked: Asked) -> Work:
    """Set a tag of a version."""
    name, version, key = name_in(asked), version_in(asked), key_in(asked)
    asked.there("value")
    value = value_in(asked)

    def work(service: Service) -> Document:
        with told_of(name, version):
            service.tag(_ref(asked, name, version), {key: value})
        return {}

    return work


def delete_tag(asked: Asked) -> Work:
    """Take a tag from a version, if it is there."""
    name, version, key = name_in(asked), version_in(asked), key_in(asked)

    def work(service: Service) -> Document:
        with told_of(name, version):
            untag(service, _ref(asked, name, version), key)
        return {}

    return work


routes = [
    door("POST", f"{_BASE}/create", create, Action.REGISTER, _not_created, once=True),
    door("PATCH", f"{_BASE}/update", update, Action.DESCRIBE),
    door("POST", f"{_BASE}/transition-stage", transition, Action.POINT, once=True),
    door("DELETE", f"{_BASE}/delete", delete, Action.REMOVE),
    door("GET", f"{_BASE}/get", get, Action.READ),
    door("GET", f"{_BASE}/search", search, Action.READ),
    door("GET", f"{_BASE}/get-download-uri", download_uri, Action.READ),
    door("POST", f"{_BASE}/set-tag", set_tag, Action.DESCRIBE),
    door("DELETE", f"{_BASE}/delete-tag", delete_tag, Action.DESCRIBE),
]
