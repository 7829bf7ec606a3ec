"""What the matches of a selection are in SQL, with bound parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    select,
    true,
)

from modelry.core.selection import TITLE, Operand, Selection, Sort, name_for
from modelry.core.strict_json import dumps
from modelry.stores.sql.statement import Statement
from modelry.stores.sql.tables import START, attributes, models, versions

LISTED = frozenset({"in", "not in"})
"""Comparisons with several values, of which each number is another text of a statement."""

Shape = tuple[tuple[tuple[str, str, bool], ...], tuple[Sort, ...], bool]
"""What makes two selections one statement: subjects, comparisons, empty values, orders."""


def shape_of(selection: Selection) -> Shape:
    """Answer what two selections share whose statement is the same."""
    matches = tuple(
        (each.subject, each.comparison, "" in each.values) for each in selection.matches
    )
    return matches, selection.sorts, selection.without is not None


def given_for(project: str, selection: Selection) -> dict[str, object]:
    """Answer the parameters of the statement of a selection."""
    given: dict[str, object] = {
        "project": project, "limit": selection.limit, "skip": selection.skip,
    }  # fmt: skip
    for at, match in enumerate(selection.matches):
        values: Sequence[Operand] = match.values
        given[f"key{at}"] = match.key
        if match.comparison in LISTED:
            given[f"value{at}"] = list(values)
        else:
            given[f"value{at}"] = values[0]
            given[f"glob{at}"] = str(values[0]).translate(_GLOB)
            given[f"plain{at}"] = str(values[0]).replace("\\", "\\\\")
            given[f"start{at}"] = str(values[0])[:START]
        if match.subject == "name":
            names = [name_for(str(value)).lower() for value in values]
            given[f"names{at}"] = names if match.comparison in LISTED else names[0]
    if selection.without is not None:
        given["barred_key"], given["barred"] = selection.without
        given["barred_start"] = selection.without[1][:START]
    return given


class Tongue:
    """What the databases say differently: members of JSON, and patterns."""

    def __init__(self, name: str) -> None:
        self._sqlite = name == "sqlite"

    def member(self, column: ColumnElement[Any], key: Any) -> ColumnElement[Any]:  # noqa: ANN401 - text or a parameter
        """Answer a member of a JSON object as text; no key of ours holds a quote or a backslash."""
        if self._sqlite:
            path = literal('$."') + func.replace(key, '"', "") + literal('"')
            exact = func.instr(key, '"') + func.instr(key, "\\") == 0
            return case((exact, func.json_extract(column, path)))
        return func.json_extract_path_text(cast(column, JSON), key).collate("C")

    def given(self, name: str) -> Select[Any]:
        """Answer the numbers of a parameter that is a list in JSON, however many they are."""
        if self._sqlite:
            return select(func.json_each(bindparam(name)).table_valued("value").c.value)
        items = func.json_array_elements_text(cast(cast(bindparam(name), Text), JSON))
        return select(cast(items.column_valued(), BigInteger))

    def source(self) -> ColumnElement[Any]:
        """Answer where a version came from, which is in its document."""
        if self._sqlite:
            return func.json_extract(versions.c.document, "$.source")
        return self.member(versions.c.document, literal("source"))

    def title(self) -> ColumnElement[Any]:
        """Answer how the model is called."""
        has = func.instr if self._sqlite else func.strpos
        name = func.coalesce(self._title(), models.c.name)
        return case((has(models.c.tags, dumps(TITLE)) > 0, name), else_=models.c.name)

    def _title(self) -> ColumnElement[Any]:
        if self._sqlite:
            return func.json_extract(models.c.tags, f"$.{dumps(TITLE)}")
        return func.json_extract_path_text(cast(models.c.tags, JSON), TITLE).collate("C")

    def holds(self, column: ColumnElement[Any], at: int, comparison: str) -> ColumnElement[bool]:
        """Answer what must hold of a column for the match `at` to be true of it."""
        value: Any = bindparam(f"value{at}", expanding=comparison in LISTED)
        operators: dict[str, Callable[[], ColumnElement[bool]]] = {
            "=": lambda: column == value,
            "!=": lambda: column != value,
            ">": lambda: column > value,
            ">=": lambda: column >= value,
            "<": lambda: column < value,
            "<=": lambda: column <= value,
            "in": lambda: column.in_(value),
            "not in": lambda: column.not_in(value),
            "like": lambda: self._like(column, at),
            "ilike": lambda: self._ilike(column, at),
        }
        return operators[comparison]()

    def _like(self, column: ColumnElement[Any], at: int) -> ColumnElement[bool]:
        """Match a pattern in which nothing but `%` and `_` is special."""
        if self._sqlite:
            return column.op("GLOB")(bindparam(f"glob{at}"))
        return column.op("LIKE")(bindparam(f"plain{at}"))

    def _ilike(self, column: ColumnElement[Any], at: int) -> ColumnElement[bool]:
        if self._sqlite:  # whose LIKE ignores the case of ASCII letters, and has no escape
            return column.op("LIKE")(bindparam(f"value{at}"))
        return column.op("ILIKE")(bindparam(f"plain{at}"))


_GLOB = str.maketrans({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"})


def ready(query: Select[Any], shape: Shape) -> Select[Any] | Statement:
    """Answer what is run of a query: a statement, where it has one value at each place."""
    listed = any(match[1] in LISTED for match in shape[0])
    return query if listed else Statement(query, fitted=True)


def order(sorts: Sequence[Sort], by: Mapping[str, ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """Answer what to sort by."""
    return [by[each.by].desc() if each.descending else by[each.by].asc() for each in sorts]


def is_exact(subject: str, comparison: str) -> bool:
    """Say whether a match names models exactly, so that their versions are few."""
    return subject == "name" and comparison in {"=", "in"}


def _named(tongue: Tongue, at: int, comparison: str) -> ColumnElement[bool]:
    """Look for a name by its index where it is known exactly."""
    exact = tongue.holds(tongue.title(), at, comparison)
    if not is_exact("name", comparison):
        return exact
    if comparison == "in":
        return and_(models.c.name_key.in_(bindparam(f"names{at}", expanding=True)), exact)
    return and_(models.c.name_key == bindparam(f"names{at}"), exact)


def model_holds(
    tongue: Tongue, at: int, subject: str, comparison: str, _: object
) -> ColumnElement[bool]:
    """Answer what must hold of a model for the match `at` to be true of it."""
    if subject == "tag":
        return tongue.holds(tongue.member(models.c.tags, bindparam(f"key{at}")), at, comparison)
    return _named(tongue, at, comparison)


def version_holds(  # noqa: PLR0913 - a match has this many parts
    tongue: Tongue, at: int, subject: str, comparison: str, empty: object, *, apiece: bool
) -> ColumnElement[bool]:
    """Answer the same of a version; its tags are looked at `apiece`, or drive."""
    if subject == "name":
        return _named(tongue, at, comparison)
    if subject == "tag":
        having = tagged(tongue, at, comparison)
        if apiece:
            return having.where(attributes.c.version_id == versions.c.id).exists()
        return versions.c.id.in_(having)
    if subject == "number":
        return tongue.holds(versions.c.number, at, comparison)
    if subject == "run_id":
        plain = comparison in {"=", "in"} and not empty
        run = versions.c.run_id if plain else func.coalesce(versions.c.run_id, "")
        return tongue.holds(run, at, comparison)
    return tongue.holds(tongue.source(), at, comparison)


def tagged(tongue: Tongue, at: int, comparison: str) -> Select[Any]:
    """Answer the versions of which the match `at` of a tag is true."""
    starts = attributes.c.start == bindparam(f"start{at}") if comparison == "=" else true()
    return select(attributes.c.version_id).where(
        attributes.c.kind == "tag", attributes.c.name == bindparam(f"key{at}"),
        starts, tongue.holds(attributes.c.value, at, comparison),
    )  # fmt: skip


def barred() -> Select[Any]:
    """Answer the models of which some version has the tag that no answer has."""
    tagged = versions.alias()
    return (
        select(tagged.c.model_id)
        .select_from(attributes.join(tagged, tagged.c.id == attributes.c.version_id))
        .where(attributes.c.kind == "tag", attributes.c.name == bindparam("barred_key"))
        .where(attributes.c.start == bindparam("barred_start"))
        .where(attributes.c.value == bindparam("barred"))
    )
