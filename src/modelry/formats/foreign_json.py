"""JSON that other tools wrote: ours in all but the numbers that Python's writer invents.

`json.dump` writes `Infinity` and `NaN`, and real configurations hold them
(`time_step_limit` of Mamba 2); they are read as null. The rest is as strict as
everywhere: one meaning, bounded depth and size.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelry.core import strict_json

if TYPE_CHECKING:
    from modelry.core.strict_json import Json

_SPECIAL = re.compile(
    rb'"(?:[^"\\]|\\.)*+"|-?\bInfinity\b|\bNaN\b|(?<![\w.])-?[0-9]{19,400}(?![\w.])', re.DOTALL
)


def load_object(data: bytes, what: str) -> dict[str, Json]:
    """Parse `data`, which must hold an object; numbers that JSON cannot hold become null."""
    return strict_json.load_object(_SPECIAL.sub(_replaced, data), what)


def _replaced(match: re.Match[bytes]) -> bytes:
    return match[0] if match[0].startswith(b'"') else b"null"
