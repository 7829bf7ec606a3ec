"""Selections compiled to SQL with bound parameters: exact names drive, pages are read last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    select,
    true,
)

from modelry.core.events import model_chain
from modelry.core.model import Model, Pointer, Version
from modelry.core.selection import (
    CHANGES_OF_MODEL,
    CHANGES_OF_VERSION,
    TITLE,
    FoundModel,
    FoundVersion,
    Front,
    Operand,
    Selection,
    Sort,
    name_for,
)
from modelry.core.strict_json import dumps
from modelry.stores.sql import rows
from modelry.stores.sql.apart import apart
from modelry.stores.sql.look import Look
from modelry.stores.sql.tables import START, attributes, events, models, pointers, touched, versions

_BATCH = 500
_OF_VERSION = sorted(map(str, CHANGES_OF_VERSION))
_OF_MODEL = sorted(map(str, CHANGES_OF_MODEL))
_CHAIN: ColumnElement[str] = models.c.project + literal("/") + models.c.name_key


def _last_of_version(chain: Any, number: Any) -> ScalarSelect[Any]:  # noqa: ANN401 - columns or values
    """Answer when a version last changed itself; stops at the latest such event."""
    same = and_(events.c.chain == touched.c.chain, events.c.seq == touched.c.seq)
    return (
        select(events.c.at)
        .select_from(touched.join(events, same))
        .where(touched.c.chain == chain, touched.c.number == number)
        .where(events.c.kind.in_(_OF_VERSION))
        .order_by(touched.c.seq.desc())
        .limit(1)
        .correlate(versions, models)
        .scalar_subquery()
    )


def _last_of_model(chain: Any) -> ScalarSelect[Any]:  # noqa: ANN401 - a column or a value
    return (
        select(events.c.at)
        .where(events.c.chain == chain, events.c.kind.in_(_OF_MODEL))
        .order_by(events.c.seq.desc())
        .limit(1)
        .correlate(models)
        .scalar_subquery()
    )


_MODEL_CHANGED = func.coalesce(_last_of_model(_CHAIN), models.c.created)
_VERSION_CHANGED = func.coalesce(_last_of_version(_CHAIN, versions.c.number), versions.c.created)
_ONE_VERSION = select(_last_of_version(bindparam("chain"), bindparam("number")))
_IDS: Any = bindparam("ids", expanding=True)
_heights = (
    select(versions.c.model_id, versions.c.stage, func.max(versions.c.number).label("number"))
    .where(versions.c.model_id.in_(_IDS), versions.c.deleted.is_(None))
    .group_by(versions.c.model_id, versions.c.stage)
    .subquery()
)
_LATEST = (
    select(*rows.VERSION_COLUMNS, versions.c.model_id, _VERSION_CHANGED)
    .select_from(
        _heights.join(versions, and_(versions.c.model_id == _heights.c.model_id,
                                     versions.c.number == _heights.c.number))
        .join(models, models.c.id == versions.c.model_id)
    )
)  # fmt: skip
_ALIASES = (
    select(pointers.c.model_id, *rows.POINTER_COLUMNS)
    .where(pointers.c.model_id.in_(_IDS), pointers.c.kind == "alias")
    .order_by(pointers.c.model_id, pointers.c.name)
)
_CHANGED = select(models.c.id, _MODEL_CHANGED).where(models.c.id.in_(_IDS))


class SelectionLook(Look):
    """The part of `View` about selections."""

    def select_models(self, project: str, selection: Selection) -> Sequence[FoundModel]:
        """See `View.select_models`."""
        query = _models_query(self._connection.dialect.name, _shape(selection))
        found = self._rows(query, **_given(project, selection))
        return [FoundModel(rows.model(row[:-1]), row[-1]) for row in found]

    def select_versions(self, project: str, selection: Selection) -> Sequence[FoundVersion]:
        """See `View.select_versions`: first which, then all of them."""
        query = _versions_query(self._connection.dialect.name, _shape(selection))
        which = dict(map(tuple, self._rows(query, **_given(project, selection))))
        found: dict[int, FoundVersion] = {}
        known = _knows_changes(selection)
        reading = _reading_query(self._connection.dialect.name, known=known)
        for start in range(0, len(which), _BATCH):
            for row in self._rows(reading, ids=list(which)[start : start + _BATCH]):
                changed = which[row[0]] if known else row[-1]
                found[row[0]] = FoundVersion(rows.version(row[:-2]), row[-2], changed)
        return [found[each] for each in which]

    def fronts(self, some: Sequence[Model]) -> Sequence[Front]:
        """See `View.fronts`: three queries, however many models."""
        ids = [model.id for model in some]
        latest: dict[int, list[tuple[Version, int]]] = {}
        for row in self._rows(_LATEST, ids=ids):
            latest.setdefault(row[-2], []).append((rows.version(row[:-2]), row[-1]))
        named: dict[int, list[Pointer]] = {}
        for row in self._rows(_ALIASES, ids=ids):
            named.setdefault(row[0], []).append(rows.pointer(row[1:]))
        changed = {row[0]: row[1] for row in self._rows(_CHANGED, ids=ids)}
        return [
            Front(changed[each], tuple(latest.get(each, ())), tuple(named.get(each, ())))
            for each in ids
        ]

    def changed(self, model: Model, number: int) -> int:
        """See `View.changed`."""
        chain = model_chain(model.project, model.name)
        row = self._row(_ONE_VERSION, chain=chain, number=number)
        return int(row[0]) if row and row[0] else 0


Shape = tuple[tuple[tuple[str, str, bool], ...], tuple[Sort, ...], bool]
"""What makes two selections one statement: subjects, comparisons, empty values, orders."""


def _shape(selection: Selection) -> Shape:
    matches = tuple(
        (each.subject, each.comparison, "" in each.values) for each in selection.matches
    )
    return matches, selection.sorts, selection.without is not None


def _given(project: str, selection: Selection) -> dict[str, object]:
    """Answer the parameters of the statement of a selection."""
    given: dict[str, object] = {
        "project": project, "limit": selection.limit, "skip": selection.skip,
    }  # fmt: skip
    for at, match in enumerate(selection.matches):
        values: Sequence[Operand] = match.values
        given[f"key{at}"] = match.key
        if match.comparison in {"in", "not in"}:
            given[f"value{at}"] = list(values)
        else:
            given[f"value{at}"] = values[0]
            given[f"glob{at}"] = str(values[0]).translate(_GLOB)
            given[f"plain{at}"] = str(values[0]).replace("\\", "\\\\")
            given[f"start{at}"] = str(values[0])[:START]
        if match.subject == "name":
            given[f"names{at}"] = [name_for(str(value)).lower() for value in values]
    if selection.without is not None:
        given["barred_key"], given["barred"] = selection.without
        given["barred_start"] = selection.without[1][:START]
    return given


@cache
def _models_query(dialect: str, shape: Shape) -> Select[Any]:
    tongue = _Tongue(dialect)
    matches, sorts, barring = shape
    wanted = [models.c.project == bindparam("project"), models.c.deleted.is_(None)]
    wanted += [_model_holds(tongue, at, *match) for at, match in enumerate(matches)]
    if barring:
        tag = func.coalesce(tongue.member(models.c.tags, bindparam("barred_key")), "")
        wanted.append(tag != bindparam("barred"))
    by = {"name": tongue.title(), "created": models.c.created, "changed": _MODEL_CHANGED}
    return (
        select(*rows.MODEL_COLUMNS, _MODEL_CHANGED)
        .where(*wanted)
        .order_by(*_order(sorts, by))
        .limit(bindparam("limit"))
        .offset(bindparam("skip"))
    )


@cache
def _versions_query(dialect: str, shape: Shape) -> Select[Any]:
    tongue = _Tongue(dialect)
    matches, sorts, barring = shape
    named = any(_is_exact(subject, comparison) for subject, comparison, _ in matches)
    driven = not named and any(subject in {"tag", "run_id"} for subject, _, _ in matches)
    project = apart(models.c.project) if driven else models.c.project
    wanted = [project == bindparam("project"), models.c.deleted.is_(None),
              versions.c.deleted.is_(None)]  # fmt: skip
    wanted += [_version_holds(tongue, at, *match, named=named) for at, match in enumerate(matches)]
    if barring:
        wanted.append(versions.c.model_id.not_in(_barred()))
    by = {"name": tongue.title(), "number": versions.c.number,
          "created": versions.c.created, "changed": _VERSION_CHANGED}  # fmt: skip
    known = any(each.by == "changed" for each in sorts)
    return (
        select(versions.c.id, (_VERSION_CHANGED if known else null()).label("changed"))
        .select_from(versions.join(models, models.c.id == versions.c.model_id))
        .where(*wanted)
        .order_by(*_order(sorts, by | {"changed": literal_column("changed")}))
        .limit(bindparam("limit"))
        .offset(bindparam("skip"))
    )


def _knows_changes(selection: Selection) -> bool:
    """Say whether finding out which versions tells also when they changed."""
    return any(each.by == "changed" for each in selection.sorts)


@cache
def _reading_query(dialect: str, *, known: bool) -> Select[Any]:
    changed = null() if known else _VERSION_CHANGED
    return (
        select(*rows.VERSION_COLUMNS, _Tongue(dialect).title(), changed)
        .select_from(versions.join(models, models.c.id == versions.c.model_id))
        .where(versions.c.id.in_(bindparam("ids", expanding=True)))
    )


class _Tongue:
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
        value: Any = bindparam(f"value{at}", expanding=comparison in {"in", "not in"})
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


def _order(sorts: Sequence[Sort], by: Mapping[str, ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    return [by[each.by].desc() if each.descending else by[each.by].asc() for each in sorts]


def _is_exact(subject: str, comparison: str) -> bool:
    """Say whether a match names models exactly, so that their versions are few."""
    return subject == "name" and comparison in {"=", "in"}


def _named(tongue: _Tongue, at: int, comparison: str) -> ColumnElement[bool]:
    """Look for a name by its index where it is known exactly."""
    exact = tongue.holds(tongue.title(), at, comparison)
    if not _is_exact("name", comparison):
        return exact
    return and_(models.c.name_key.in_(bindparam(f"names{at}", expanding=True)), exact)


def _model_holds(
    tongue: _Tongue, at: int, subject: str, comparison: str, _: object
) -> ColumnElement[bool]:
    if subject == "tag":
        return tongue.holds(tongue.member(models.c.tags, bindparam(f"key{at}")), at, comparison)
    return _named(tongue, at, comparison)


def _version_holds(  # noqa: PLR0913 - a match has this many parts
    tongue: _Tongue, at: int, subject: str, comparison: str, empty: object, *, named: bool
) -> ColumnElement[bool]:
    if subject == "name":
        return _named(tongue, at, comparison)
    if subject == "tag":
        starts = attributes.c.start == bindparam(f"start{at}") if comparison == "=" else true()
        tagged = select(attributes.c.version_id).where(
            attributes.c.kind == "tag", attributes.c.name == bindparam(f"key{at}"),
            starts, tongue.holds(attributes.c.value, at, comparison),
        )  # fmt: skip
        if named:  # the few versions of a model are looked at one by one
            return tagged.where(attributes.c.version_id == versions.c.id).exists()
        return versions.c.id.in_(tagged)
    if subject == "number":
        return tongue.holds(versions.c.number, at, comparison)
    if subject == "run_id":
        plain = comparison in {"=", "in"} and not empty
        run = versions.c.run_id if plain else func.coalesce(versions.c.run_id, "")
        return tongue.holds(run, at, comparison)
    return tongue.holds(tongue.member(versions.c.document, literal("source")), at, comparison)


def _barred() -> Select[Any]:
    """Answer the models of which some version has the tag that no answer has."""
    tagged = versions.alias()
    return (
        select(tagged.c.model_id)
        .select_from(attributes.join(tagged, tagged.c.id == attributes.c.version_id))
        .where(attributes.c.kind == "tag", attributes.c.name == bindparam("barred_key"))
        .where(attributes.c.start == bindparam("barred_start"))
        .where(attributes.c.value == bindparam("barred"))
    )
