"""Secrets are taken out of whatever is about to be written to a log or a record."""

from __future__ import annotations

import re

_HIDDEN = "***"
_SECRETS = (
    (re.compile(r"(modelry_[a-z0-9]{12}_)[A-Za-z0-9_-]+"), rf"\1{_HIDDEN}"),
    (re.compile(r"\b(bearer|basic)\s+[^\s\"',;]+", re.IGNORECASE), rf"\1 {_HIDDEN}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), _HIDDEN),
    (re.compile(r"(://[^\s/:@]{0,200}:)[^\s/]{1,400}@"), rf"\1{_HIDDEN}@"),
    (
        re.compile(
            r"\b((?:[a-z0-9_-]{0,40}[_-])?"
            r"(?:password|passwd|pwd|secret|token|signature|sig|api_?key|access_key|credential))"
            r"(\"?\s?[=:]\s?\"?)[^\s&\"',;}]+",
            re.IGNORECASE,
        ),
        rf"\1\2{_HIDDEN}",
    ),
)


def redact(text: str) -> str:
    """Answer `text` without tokens, passwords in addresses, JWTs and signatures.

    The id in a token of ours stays, so that it can be found and revoked.
    """
    for pattern, put in _SECRETS:
        text = pattern.sub(put, text)
    return text
