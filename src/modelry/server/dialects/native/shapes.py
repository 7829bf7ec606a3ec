"""The shapes of names and texts, as the OpenAPI document tells them to clients.

They are told here and enforced by the core, whose refusals name the rule in
words. Each is what the core accepts, as far as a regular expression without
looking ahead can say it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictStr
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from modelry.core.names import MAX_DESCRIPTION, MAX_TAG, MAX_TEXT
from modelry.core.strict_json import MAX_INTEGER

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.[A-Za-z0-9_-])*\.?"
_AFTER = r"(?:[A-Za-z0-9_+-]|\.[A-Za-z0-9_+-])*\.?"
_NUMBER = r"[vV]?[1-9][0-9]{0,14}"
_LABEL = (
    rf"(?:{_NUMBER}|[A-UW-Za-uw-z]{_AFTER}|[vV]|[vV0-9][0-9]*\."
    rf"|[vV0-9][0-9]*(?:[A-Za-z_+-]|\.[A-Za-z0-9_+-]){_AFTER})"
)
_WORD = rf"(?:[A-UW-Za-uw-z]{_AFTER.replace('+', '')}|[vV][A-Za-z_-]{_AFTER.replace('+', '')})"
_HIDDEN = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"

NAME = f"^{_NAME}$"
MODEL = f"^(?:{_NAME}/)?{_NAME}$"
LABEL = f"^{_LABEL}$"
WORD = f"^{_WORD}$"
REF = f"^(?:{_NAME}/)?{_NAME}(?::{_LABEL}|@{_WORD}|@sha256:[0-9a-f]{{64}})?$"
ACCOUNT = r"^[A-Za-z0-9][A-Za-z0-9._@+-]*$"
TEXT = f"^[^{_HIDDEN}]*$"
KEY = r"^[A-Za-z0-9_][A-Za-z0-9_./@ :-]*$"
SHA256 = "^[0-9a-f]{64}$"


def told(pattern: str, longest: int, shortest: int = 1) -> JsonDict:
    """Tell a shape."""
    return {"pattern": pattern, "minLength": shortest, "maxLength": longest}


def _field(shape: JsonDict, *examples: str) -> FieldInfo:
    shortest = shape["minLength"]
    assert isinstance(shortest, int)  # noqa: S101 - `told` wrote it
    field: FieldInfo = Field(
        min_length=shortest, json_schema_extra=shape, examples=list(examples) or None
    )
    return field


NAMED = told(NAME, 128)
PLACED = told(rf"^(?:\*|{_NAME})$", 128)
MODEL_NAMED = told(MODEL, 257)
WORDED = told(WORD, 128)
LABELLED = told(LABEL, 128)
REFERRED = told(REF, 387)
ACCOUNTED = told(ACCOUNT, 128)
TARGETED = told(
    rf"^[^{_HIDDEN}\n\t\u2028\u2029]*[^{_HIDDEN}\s\u2028\u2029][^{_HIDDEN}\n\t\u2028\u2029]*$", 256
)
SAID = told(TEXT, MAX_TEXT, 0)
EXPECTED = told("^(?:none|[1-9][0-9]{0,14})$", 15)
KEYS: JsonDict = {"propertyNames": told(KEY, 250), "maxProperties": 1000}
WHOLE: JsonDict = {"minimum": -MAX_INTEGER, "maximum": MAX_INTEGER}

ProjectName = Annotated[StrictStr, _field(NAMED, "default")]
ModelName = Annotated[StrictStr, _field(MODEL_NAMED, "credit-risk")]
StageName = Annotated[StrictStr, _field(WORDED, "production")]
Target = Annotated[StrictStr, _field(TARGETED, "eu-cluster")]
AliasName = Annotated[StrictStr, _field(WORDED, "champion")]
Label = Annotated[StrictStr, _field(LABELLED, "1.0.0")]
RefText = Annotated[StrictStr, _field(REFERRED, "credit-risk@production", "credit-risk:3")]
AccountName = Annotated[StrictStr, _field(ACCOUNTED, "ada@example.com")]
Text = Annotated[StrictStr, _field(SAID)]
TagText = Annotated[StrictStr, _field(told(TEXT, MAX_TAG, 0))]
Comment = Annotated[Text, Field(pattern=TEXT, max_length=MAX_TEXT)]
"""Enforced here too: where nothing changes, the core keeps no comment and looks at none."""
Plain = Comment
"""Enforced here too: what a client tells of its own machine is kept as it is told."""
ShortText = Annotated[StrictStr, _field(told(TEXT, 1024, 0))]
Long = Annotated[StrictStr, _field(told(TEXT, MAX_DESCRIPTION, 0))]
Key = Annotated[StrictStr, _field(told(KEY, 250))]
Sha256 = Annotated[StrictStr, Field(pattern=SHA256)]
