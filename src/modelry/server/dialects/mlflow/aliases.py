"""Aliases of registered models."""

from __future__ import annotations

from modelry.core.access import Action
from modelry.core.errors import NotFound
from modelry.core.service import Service
from modelry.server.dialects.mlflow.asked import Asked
from modelry.server.dialects.mlflow.doors import Document, Work, door
from modelry.server.dialects.mlflow.models import found
from modelry.server.dialects.mlflow.names import (
    alias_in,
    free_alias,
    name_in,
    number_of,
    ref_of,
    version_in,
)
from modelry.server.dialects.mlflow.refusals import Refusal, invalid
from modelry.server.dialects.mlflow.shapes import sheet_shape
from modelry.server.dialects.mlflow.versions import sheet_of

_PATH = "/2.0/mlflow/registered-models/alias"


def set_alias(asked: Asked) -> Work:
    """Point an alias at a version."""
    name, alias, version = name_in(asked), free_alias(alias_in(asked)), version_in(asked)

    def work(service: Service) -> Document:
        found(service, asked, name)
        sheet_of(service, asked, name, version)
        service.alias(ref_of(asked, name), alias, str(number_of(version)))
        return {}

    return work


def delete_alias(asked: Asked) -> Work:
    """Take an alias away, if it is there."""
    name, alias = name_in(asked), alias_in(asked)

    def work(service: Service) -> Document:
        found(service, asked, name)
        try:
            service.remove_alias(ref_of(asked, name), alias)
        except NotFound as error:
            if "alias" not in error.facts:
                raise
        return {}

    return work


def get_alias(asked: Asked) -> Work:
    """Answer the version that an alias names; `latest` is the highest of any stage."""
    name, alias = name_in(asked), alias_in(asked)

    def work(service: Service) -> Document:
        entry = found(service, asked, name)
        if alias.lower() != "latest" and alias.lower() not in {
            each.name for each in entry.front.aliases
        }:
            raise _no_alias(alias)
        try:
            sheet = service.sheet(ref_of(asked, name, f"@{alias}"))
        except NotFound as error:
            raise _no_alias(alias) from error
        return {"model_version": sheet_shape(sheet)}

    return work


def _no_alias(alias: str) -> Refusal:
    return invalid(f"Registered model alias {alias} not found.")


routes = [
    door("POST", _PATH, set_alias, Action.POINT),
    door("DELETE", _PATH, delete_alias, Action.POINT),
    door("GET", _PATH, get_alias, Action.READ),
]
