"""What MLflow calls a model, a version, an alias, a tag; and how we call it.

MLflow's names may hold spaces and every letter there is, ours are ASCII: what
cannot be a name of ours is kept as the model's title (`core.selection`).
"""

from __future__ import annotations

import posixpath
import re

from modelry.core.names import MAX_TAG
from modelry.core.selection import TITLE, name_for
from modelry.server.dialects.mlflow.asked import Asked, missing, wrong
from modelry.server.dialects.mlflow.refusals import Refusal, absent, invalid

OWN = "modelry."
"""Tags that begin so are ours: they carry what MLflow has fields for."""

RUN_LINK = "modelry.run_link"
MODEL_ID = "modelry.model_id"
_MAX_NAME = 256
_MAX_KEY = 250
_MAX_ALIAS = 255
_ALIAS = re.compile(r"[\w\-]*")
_RESERVED_ALIAS = re.compile(r"[vV]\d+")
_KEY = re.compile(r"[/\w.\- :]*")
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
_MOST = 2**62
_BAD_ALIAS = "Names may only contain alphanumerics, underscores (_), and dashes (-)."
_BAD_KEY = (
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), "
    "colon(:) and slashes (/)."
)


def name_in(asked: Asked, field: str = "name") -> str:
    """Answer the name of a model that a request names. Raises `Refusal`."""
    name = asked.needed(field)
    if not name.strip():
        raise missing(field)
    if "/" in name or ":" in name:
        msg = f"Invalid model name '{name}'. Names cannot contain '/' or ':'."
        raise invalid(msg)
    return limited(field, _plain_path(field, name), _MAX_NAME)


def ref_of(asked: Asked, name: str, selector: str = "") -> str:
    """Answer our ref of the model that is called `name`, and of a version of it."""
    return f"{asked.project}/{name_for(name)}{selector}"


def version_in(asked: Asked) -> str:
    """Answer the version of a request as it was written: a whole number."""
    text = asked.needed("version")
    if not _NUMBER.fullmatch(text.strip()):
        msg = f"Parameter 'version' must be an integer, got '{text}'."
        raise invalid(msg)
    return text


def number_of(version: str) -> int:
    """Answer a version as a number; what is no number of ours is one that is not there."""
    return max(0, min(int(version), _MOST))


def alias_in(asked: Asked) -> str:
    """Answer the alias of a request."""
    alias = asked.needed("alias")
    if not _ALIAS.fullmatch(alias):
        msg = f"Invalid alias name: '{alias}'. {_BAD_ALIAS}"
        raise invalid(msg)
    return limited("Registered model alias name", alias, _MAX_ALIAS)


def free_alias(alias: str) -> str:
    """Answer an alias that may be set."""
    if alias.lower() == "latest":
        msg = "'latest' alias name (case insensitive) is reserved."
        raise invalid(msg)
    if _RESERVED_ALIAS.fullmatch(alias):
        msg = f"Version alias name '{alias}' is reserved."
        raise invalid(msg)
    return alias


def key_in(asked: Asked) -> str:
    """Answer the key of a tag."""
    return checked_key(asked.needed("key"))


def checked_key(key: str) -> str:
    """Answer a key of a tag as MLflow takes them; those of ours are not to be set."""
    field = "key"
    if not _KEY.fullmatch(key):
        raise wrong(field, key, _BAD_KEY)
    if key.startswith(OWN):
        msg = f"the tags that begin with {OWN!r} are kept by the registry; choose another key"
        raise invalid(msg)
    return limited(field, _plain_path(field, key), _MAX_KEY)


def checked_value(value: str) -> str:
    """Answer the value of a tag."""
    return limited("value", value, MAX_TAG)


def tags_in(asked: Asked) -> dict[str, str]:
    """Answer the tags of a request; of two with one key the last."""
    return {checked_key(key): checked_value(value) for key, value in asked.pairs("tags")}


def titled(name: str) -> dict[str, str]:
    """Answer the tag that keeps a name which is none of ours."""
    return {} if name_for(name) == name else {TITLE: name}


def limited(what: str, text: str, limit: int) -> str:
    """Answer a text that is not too long. Raises `Refusal`."""
    if len(text) > limit:
        msg = f"'{what}' exceeds the maximum length of {limit} characters"
        raise invalid(msg)
    return text


def no_model(name: str) -> Refusal:
    """Say that a model is not there."""
    return absent(f"Registered Model with name={name} not found")


def no_version(name: str, version: str) -> Refusal:
    """Say that a version is not there."""
    return absent(f"Model Version (name={name}, version={version}) not found")


def _plain_path(field: str, name: str) -> str:
    """Answer a name that would be no other one as a path."""
    norm = posixpath.normpath(name)
    if norm != name or norm == "." or norm.startswith(("..", "/")):
        hint = (
            "Names may be treated as files in certain cases, and must not resolve to other names "
            f"when treated as such. This name would resolve to '{norm}'"
        )
        raise wrong(field, name, hint)
    return name
