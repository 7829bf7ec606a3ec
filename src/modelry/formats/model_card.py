"""The YAML at the top of a model card, `README.md`.

Keys are those of the Hub's model card metadata
(https://huggingface.co/docs/hub/model-cards#model-card-metadata).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelry.formats import yaml_text
from modelry.formats.folder_files import start_of
from modelry.formats.quoting import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelry.core.ports import SourceFile
    from modelry.core.strict_json import Json

NAME = "README.md"
_FRONT = re.compile(
    rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE
)
_KEYS = (
    "license",
    "tags",
    "base_model",
    "datasets",
    "language",
    "library_name",
    "pipeline_tag",
)
_MOST_ITEMS = 200


def card(files: Mapping[str, SourceFile]) -> dict[str, Json]:
    """Answer the known keys of the card, empty without a card or without YAML in it."""
    if NAME not in files:
        return {}
    match = _FRONT.match(start_of(files[NAME], yaml_text.MAX_BYTES))
    front = yaml_text.load(match[1], f"the YAML of {NAME}") if match else None
    if not isinstance(front, dict):
        return {}
    told = {key: short(front.get(key)) for key in _KEYS}
    return {key: value for key, value in told.items() if value is not None}


def short(value: Json) -> Json:
    """Keep text and lists of text; anything else is not of the card's vocabulary."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [plain(str(one)) for one in value[:_MOST_ITEMS] if isinstance(one, str | int)]
    return None
