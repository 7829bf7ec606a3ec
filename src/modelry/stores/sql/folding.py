"""Letter case as SQLite's own `lower` and `LIKE` see it: that of ASCII letters alone."""

from __future__ import annotations

import string

_ASCII = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def fold(text: str) -> str:
    """Answer `text` with its ASCII letters in lower case and all else as it is."""
    return text.translate(_ASCII)
