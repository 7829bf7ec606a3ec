"""Small records beside the models, read by kind and key."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, select

from modelry.core.strict_json import Json
from modelry.stores.sql.look import Look
from modelry.stores.sql.statement import Statement
from modelry.stores.sql.tables import kept

_LAST = "\U0010ffff"
_BEFORE_SURROGATES, _AFTER_SURROGATES = "\ud7ff", "\ue000"

KEPT = Statement(
    select(kept.c.body).where(kept.c.kind == bindparam("kind"), kept.c.key == bindparam("key"))
)
"""Finds what is kept by `kind` and `key`, in this order."""


class KeptLook(Look):
    """The part of `View` about what `Ledger.keep` wrote."""

    def kept(self, kind: str, key: str) -> Mapping[str, Json] | None:
        """See `View.kept`."""
        row = self._row(KEPT, kind=kind, key=key)
        return kept_body(row[0]) if row else None

    def all_kept(
        self, kind: str, prefix: str = "", after: str = "", limit: int = 1000
    ) -> Sequence[tuple[str, Mapping[str, Json]]]:
        """See `View.all_kept`."""
        query = select(kept.c.key, kept.c.body).where(kept.c.kind == kind, kept.c.key > after)
        if prefix:
            query = query.where(kept.c.key >= prefix)
            end = text_after(prefix)
            query = query if end is None else query.where(kept.c.key < end)
        found = self._rows(query.order_by(kept.c.key).limit(limit))
        return [(row[0], kept_body(row[1])) for row in found]


def kept_body(text: str) -> Mapping[str, Json]:
    """Read what `Ledger.keep` wrote."""
    body: Mapping[str, Json] = json.loads(text)
    return body


def text_after(prefix: str) -> str | None:
    """Answer the least text, by code points, that sorts after all that begin with `prefix`."""
    stem = prefix.rstrip(_LAST)
    if not stem:
        return None
    last = stem[-1]
    following = _AFTER_SURROGATES if last == _BEFORE_SURROGATES else chr(ord(last) + 1)
    return stem[:-1] + following
