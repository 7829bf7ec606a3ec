"""A registry as a list of entries: register, list, activate, find what is in production.

These are the four verbs of a service around one `registry.json`; they work
over every store. The class and the HTTP door of that service are thin over it.
"""

from __future__ import annotations

from pathlib import Path

from modelry.core.entries import Entry, draft_of, entry_of
from modelry.core.errors import NotFound
from modelry.core.names import check_text, parse_model
from modelry.core.service import Service
from modelry.core.verbs.enlist import Parts

PRODUCTION = "production"
_DISPLACED = "staging"
_PAGE = 1000


class EntryBook:
    """The entries of a registry, as whoever holds the service may see them."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def register(
        self, model_name: str, version: int, path: str, metadata: object, where: Path | None
    ) -> Entry:
        """Register version `version` of a model, which comes to be if it is new.

        The bytes at `where` are sealed under the name `path`; without them the
        version is known by `path` alone. Raises `Conflict` where the version
        is there already, or is not above every number before it.
        """
        draft = draft_of(version, metadata)
        check_text(path, "the path")
        if where is not None:
            return entry_of(self._service.take(model_name, where, draft, origin=path))
        return entry_of(self._service.enlist(model_name, Parts("folder", (), path), draft))

    def entries(self, model_name: str | None = None) -> list[Entry]:
        """Answer every entry by name and number, or those of one model; none where there is none."""
        if model_name is not None:
            return self._of(model_name)
        found: list[Entry] = []
        cursor: str | None = None
        while True:
            page = self._service.search("order by name asc", limit=_PAGE, cursor=cursor)
            found += [entry_of(each) for each in page]
            cursor = page.next
            if cursor is None:
                return found

    def _of(self, model_name: str) -> list[Entry]:
        found: list[Entry] = []
        cursor: str | None = None
        while True:
            try:
                page = self._service.versions(model_name, limit=_PAGE, cursor=cursor)
            except NotFound:
                return found
            found += [entry_of(each) for each in page]
            cursor = page.next
            if cursor is None:
                return found[::-1]

    def activate(self, model_name: str, version: int) -> Entry:
        """Put a version into production; the one that was there goes to staging.

        Raises `NotFound` where there is no such model or version.
        """
        ref = str(parse_model(model_name).at(version))
        return entry_of(self._service.promote(ref, PRODUCTION, displace=_DISPLACED))

    def production(self, model_name: str) -> Entry | None:
        """Answer the entry that is in production, None where there is none."""
        try:
            return entry_of(self._service.resolve(f"{parse_model(model_name)}@{PRODUCTION}"))
        except NotFound:
            return None
