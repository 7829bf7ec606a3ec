"""Registered models: made, renamed, described, deleted, looked up, searched."""

from __future__ import annotations

from modelry.core.access import Action
from modelry.core.errors import Conflict, NotFound
from modelry.core.selection import title_of
from modelry.core.service import Service
from modelry.core.verbs.catalogue import Entry
from modelry.core.verbs.describe import Wording
from modelry.server.dialects.mlflow import stages
from modelry.server.dialects.mlflow.asked import Asked
from modelry.server.dialects.mlflow.doors import Document, Work, door
from modelry.server.dialects.mlflow.filters import model_selection
from modelry.server.dialects.mlflow.names import (
    checked_value,
    key_in,
    name_in,
    no_model,
    ref_of,
    tags_in,
    titled,
)
from modelry.server.dialects.mlflow.pages import page, page_in
from modelry.server.dialects.mlflow.prompts import exists, is_prompt
from modelry.server.dialects.mlflow.refusals import EXISTS, Refusal
from modelry.server.dialects.mlflow.shapes import model_shape, version_shape

_BASE = "/2.0/mlflow/registered-models"


def found(service: Service, asked: Asked, name: str) -> Entry:
    """Answer the model that is called `name`. Raises `Refusal` where there is none."""
    try:
        return service.entry(ref_of(asked, name))
    except NotFound as error:
        if "model" not in error.facts:
            raise  # the project: absent, or not this caller's
        raise no_model(name) from error


def _answer(service: Service, asked: Asked, name: str) -> Document:
    return {"registered_model": model_shape(found(service, asked, name))}


def create(asked: Asked) -> Work:
    """Make a model."""
    name, tags = name_in(asked), tags_in(asked)
    description = asked.text("description")

    def work(service: Service) -> Document:
        try:
            service.new_model(ref_of(asked, name), description, {**tags, **titled(name)})
        except Conflict as error:
            raise _taken(service, asked, name, tags, error) from error
        return _answer(service, asked, name)

    return work


def _taken(
    service: Service, asked: Asked, name: str, tags: dict[str, str], error: Conflict
) -> Exception:
    """Answer why a name is taken: by a model or prompt, or by the tombstone of one."""
    try:
        there = found(service, asked, name)
    except Refusal:
        return Refusal(EXISTS, f"Registered Model (name={name}) already exists. {error.message}")
    return exists(name, there=is_prompt(there.model.tags), wanted=is_prompt(tags))


def rename(asked: Asked) -> Work:
    """Give a model another name."""
    name, new = name_in(asked), name_in(asked, "new_name")

    def work(service: Service) -> Document:
        found(service, asked, name)
        try:
            service.rename(ref_of(asked, name), ref_of(asked, new), title=new)
        except Conflict as error:
            msg = f"Registered Model (name={new}) already exists. {error.message}"
            raise Refusal(EXISTS, msg) from error
        return _answer(service, asked, new)

    return work


def update(asked: Asked) -> Work:
    """Describe a model; nothing said takes the description away."""
    name, description = name_in(asked), asked.text("description")

    def work(service: Service) -> Document:
        found(service, asked, name)
        service.reword(ref_of(asked, name), Wording(description))
        return _answer(service, asked, name)

    return work


def delete(asked: Asked) -> Work:
    """Leave a tombstone in place of a model. A live version keeps it from going."""
    name = name_in(asked)

    def work(service: Service) -> Document:
        found(service, asked, name)
        service.retire(ref_of(asked, name))
        return {}

    return work


def get(asked: Asked) -> Work:
    """Answer a model."""
    name = name_in(asked)
    return lambda service: _answer(service, asked, name)


def search(asked: Asked) -> Work:
    """Answer a page of models."""
    where = page_in(asked, default=100, most=1000)
    selection = model_selection(asked.text("filter"), asked.texts("order_by"), where)

    def work(service: Service) -> Document:
        entries = service.select_models(asked.project, selection)
        return page("registered_models", entries, where, model_shape)

    return work


def latest(asked: Asked) -> Work:
    """Answer the highest version of each stage, or of those that are asked for."""
    name, wanted = name_in(asked), asked.texts("stages")

    def work(service: Service) -> Document:
        entry = found(service, asked, name)
        kept = {stages.known(stage, entry.lifecycle) for stage in wanted}
        shapes = [
            version_shape(entry.lifecycle, title_of(entry.model), each, changed)
            for each, changed in entry.latest
            if not wanted or each.stage in kept
        ]
        return {"model_versions": shapes} if shapes else {}

    return work


def set_tag(asked: Asked) -> Work:
    """Set a tag of a model."""
    name, key = name_in(asked), key_in(asked)
    value = value_in(asked)

    def work(service: Service) -> Document:
        found(service, asked, name)
        service.tag(ref_of(asked, name), {key: value})
        return {}

    return work


def value_in(asked: Asked) -> str:
    """Answer the value of a tag, which may be empty."""
    return checked_value(asked.text("value"))


def delete_tag(asked: Asked) -> Work:
    """Take a tag from a model, if it is there."""
    name, key = name_in(asked), key_in(asked)

    def work(service: Service) -> Document:
        found(service, asked, name)
        untag(service, ref_of(asked, name), key)
        return {}

    return work


def untag(service: Service, ref: str, key: str) -> None:
    """Take a tag away, if it is there."""
    try:
        service.tag(ref, remove=[key])
    except NotFound as error:
        if "tag" not in error.facts:
            raise


routes = [
    door("POST", f"{_BASE}/create", create, Action.REGISTER),
    door("POST", f"{_BASE}/rename", rename, Action.REMOVE),
    door("PATCH", f"{_BASE}/update", update, Action.DESCRIBE),
    door("DELETE", f"{_BASE}/delete", delete, Action.REMOVE),
    door("GET", f"{_BASE}/get", get, Action.READ),
    door("GET", f"{_BASE}/search", search, Action.READ),
    door("POST", f"{_BASE}/get-latest-versions", latest, Action.READ),
    door("GET", f"{_BASE}/get-latest-versions", latest, Action.READ),
    door("POST", f"{_BASE}/set-tag", set_tag, Action.DESCRIBE),
    door("DELETE", f"{_BASE}/delete-tag", delete_tag, Action.DESCRIBE),
]
