"""Sources that a caller names: recorded where the operator allows it, never opened.

A server that opened what a caller names could be sent anywhere (SSRF).
"""

from __future__ import annotations

import re
from collections.abc import Collection

from modelry.core.errors import Invalid

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):", re.ASCII)


def source_of(
    source: str | None, artefact: str | None, allowed: Collection[str], *, has_files: bool
) -> str:
    """Answer what is recorded as the source of a version. Raises `Invalid`.

    Beside uploaded bytes a source is a note of where they came from. Without
    bytes it would stand in for them: then its scheme must be allowed.
    """
    if source is not None and artefact is not None:
        msg = "source and artifact_version_id are one thing; give one of them"
        raise Invalid(msg, field="artifact_version_id")
    if artefact is not None:
        return f"artifact:{artefact}"
    if source is None:
        return ""
    if has_files:
        return source
    match = _SCHEME.match(source)
    scheme = match[1].lower() if match else ""
    if not scheme or scheme not in allowed:
        names = ", ".join(sorted(allowed)) or "none"
        msg = (
            f"a source without its bytes must have a scheme that this server allows ({names}); "
            "upload the files instead"
        )
        raise Invalid(msg, field="source", scheme=scheme)
    if any(mark in source for mark in "#;") or ".." in source:
        msg = "a source holds no '#', ';' or '..'; write the plain address"
        raise Invalid(msg, field="source")
    return source
