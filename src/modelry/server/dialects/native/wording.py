"""What a caller wants said of a model or a version."""

from __future__ import annotations

from typing import cast

from modelry.core.draft import TagsInput, checked_tags
from modelry.core.errors import Invalid
from modelry.core.verbs.describe import Wording
from modelry.server.dialects.native import schemas


def wording(body: schemas.Describe) -> Wording:
    """Read what is to be said. Raises `Invalid` where it is nothing."""
    if not body.model_fields_set:
        msg = "say what is to change: description, tags, set_tags or remove_tags"
        raise Invalid(msg, field="description")
    return Wording(
        description=body.description,
        tags=None if body.tags is None else checked_tags(cast("TagsInput", body.tags)),
        add=checked_tags(cast("TagsInput", body.set_tags or {})),
        remove=tuple(body.remove_tags or ()),
    )
