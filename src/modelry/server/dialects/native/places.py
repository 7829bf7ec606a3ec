"""Which model or version a path names: an id, a name, `project/name`."""

from __future__ import annotations

import re

from starlette.convertors import Convertor, register_url_convertor

from modelry.core.service import Service

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


class ModelPlace(Convertor[str]):
    """A model in a path: one segment, or two for `project/name`; never a reserved word."""

    regex = r"(?!(?:summary|stages|versions)(?:/|$))[^/]+(?:/(?!(?:summary|stages|versions)(?:/|$))[^/]+)?"

    def convert(self, value: str) -> str:
        """Read it."""
        return value

    def to_string(self, value: str) -> str:
        """Write it."""
        return value


class UploadPlace(Convertor[str]):
    """An upload in a path: what beginning it answered, which is no word of ours."""

    regex = r"(?!missing$)[^/]+"

    def convert(self, value: str) -> str:
        """Read it."""
        return value

    def to_string(self, value: str) -> str:
        """Write it."""
        return value


register_url_convertor("model", ModelPlace())
register_url_convertor("upload", UploadPlace())


def is_id(text: str) -> bool:
    """Say whether `text` is an opaque id."""
    return _UUID.fullmatch(text) is not None


def model_name(service: Service, place: str) -> str:
    """Answer the name of the model that a path or a query names. Raises `NotFound`."""
    if not is_id(place):
        return place
    return service.identify_model(place)


def version_ref(service: Service, version_id: str) -> str:
    """Answer the ref of the version whose id this is. Raises `NotFound`."""
    return service.identify_version(version_id)
