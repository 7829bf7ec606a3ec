"""Reads on PostgreSQL, where a way to the server costs more than a question."""

from __future__ import annotations

from modelry.core.model import Version
from modelry.core.names import Ref
from modelry.stores.sql.view import LIFECYCLE, SELECT_MODEL, SqlView
from modelry.stores.sql.wire import WireDriver


class PostgresqlView(SqlView):
    """The `View` port; what is asked next as a rule is asked along."""

    def __init__(self, driver: WireDriver) -> None:
        super().__init__(driver.connection, driver)
        self._wired = driver

    def version(self, ref: Ref) -> Version | None:
        """See `View.version`. Who shows a version shows its model and the stages beside it."""
        self._wired.foresee(SELECT_MODEL, {"project": ref.project, "name": ref.name.lower()})
        self._wired.foresee(LIFECYCLE, {"project": ref.project})
        return super().version(ref)
