"""A column that SQLite may test and not begin with.

SQLite knows nothing of how often a value occurs, and takes any index that it
is offered. PostgreSQL has statistics and is left to choose.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class apart(FunctionElement[Any]):  # noqa: N801 - reads as a function of SQL
    """Wraps a column; its value stays the same."""

    inherit_cache = True

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)
        self.type = column.type


@compiles(apart)
def _itself(element: apart, compiler: SQLCompiler, **how: Any) -> str:  # noqa: ANN401 - options of SQLAlchemy
    return f"({compiler.process(element.clauses, **how)})"


@compiles(apart, "sqlite")
def _no_index(element: apart, compiler: SQLCompiler, **how: Any) -> str:  # noqa: ANN401 - options of SQLAlchemy
    return f"(+{compiler.process(element.clauses, **how)})"
