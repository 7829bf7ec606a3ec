"""Reads on PostgreSQL, where a way to the server costs more than a question."""

from __future__ import annotations

from collections.abc import Sequence

from modelry.core.model import Model, Version
from modelry.core.names import Ref
from modelry.core.selection import FoundVersion, Selection
from modelry.stores.sql.view import LIFECYCLE, SELECT_MODEL, SqlView
from modelry.stores.sql.wire import WireDriver


class PostgresqlView(SqlView):
    """The `View` port; what is asked next as a rule is asked along."""

    _is_still = True

    def __init__(self, driver: WireDriver) -> None:
        super().__init__(driver.connection, driver)
        self._wired = driver

    def version(self, ref: Ref) -> Version | None:
        """See `View.version`. Who shows a version shows its model and the stages beside it."""
        self._wired.foresee(SELECT_MODEL, {"project": ref.project, "name": ref.name.lower()})
        self._wired.foresee(LIFECYCLE, {"project": ref.project})
        return super().version(ref)

    def select_models(self, project: str, selection: Selection) -> Sequence[Model]:
        """See `View.select_models`. Who shows models shows the stages of their versions."""
        self._wired.foresee(LIFECYCLE, {"project": project})
        return super().select_models(project, selection)

    def select_versions(self, project: str, selection: Selection) -> Sequence[FoundVersion]:
        """See `View.select_versions`, and `select_models`."""
        self._wired.foresee(LIFECYCLE, {"project": project})
        return super().select_versions(project, selection)
