"""The verbs that a server needs beyond those of a caller who sits beside the bytes."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from modelry.core.access import Action
from modelry.core.draft import Draft
from modelry.core.model import ModelSummary, Stamp, Version
from modelry.core.names import check_project
from modelry.core.registry import Registry
from modelry.core.verbs import enlist, listing
from modelry.core.verbs.enlist import Parts
from modelry.core.verbs.listing import Leaf, Summary


class Service(Registry):
    """A registry that acts for whoever sent a request."""

    def enlist(
        self, name: str, parts: Parts, draft: Draft, base: str | None = None, *, again: bool = False
    ) -> Version:
        """Seal stored blobs, or metadata alone, as a new version of a model.

        With `again` the same bytes under the same label answer the version
        that is there, else they are a `Conflict`.
        """
        ref = self._model(name, Action.REGISTER)
        base_ref = self._ref(base, Action.READ) if base else None
        return enlist.enlist(self._world, ref, parts, draft, base_ref, again=again)

    def among(self, digests: Collection[str]) -> frozenset[str]:
        """Answer which blobs need no upload: the caller may read a version that has them."""
        return enlist.among(self._world, digests)

    def find_models(
        self, project_name: str | None = None, contains: str = "", *, skip: int = 0, limit: int = 50
    ) -> Leaf[ModelSummary]:
        """List models that have `contains` in their name, with the number of all that do."""
        key = check_project(project_name) if project_name else None
        return listing.find_models(self._world, key, contains, skip, limit)

    def find_versions(
        self, name: str, *, stage: str | None = None, skip: int = 0, limit: int = 50
    ) -> Leaf[Version]:
        """List versions of a model, newest first, with the number of all."""
        ref = self._model(name, Action.READ)
        return listing.find_versions(self._world, ref, stage, skip, limit)

    def summary(self, project_name: str | None = None) -> Summary:
        """Count models and versions, in a project or in all that the caller may read."""
        key = check_project(project_name) if project_name else None
        return listing.summary(self._world, key)

    def identify(self, uid: str) -> str:
        """Answer the ref of the model or version whose opaque id is `uid`."""
        return str(listing.identify(self._world, uid))

    def stamps(self, versions: Collection[Version]) -> Mapping[str, Stamp]:
        """Answer by ref when versions last changed, and who approved them."""
        with self._world.store.read() as view:
            return listing.stamps(view, versions)
