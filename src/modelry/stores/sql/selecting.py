"""Selections compiled to SQL with bound parameters: exact names drive, pages are read last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    ScalarSelect,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    select,
    true,
)

from modelry.core.events import model_chain
from modelry.core.model import Model
from modelry.core.selection import (
    CHANGES_OF_MODEL,
    CHANGES_OF_VERSION,
    TITLE,
    FoundModel,
    FoundVersion,
    Match,
    Selection,
    Sort,
    name_for,
)
from modelry.core.strict_json import dumps
from modelry.stores.sql import rows
from modelry.stores.sql.look import Look
from modelry.stores.sql.tables import START, attributes, events, models, touched, versions

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
_ONE_MODEL = select(_last_of_model(bindparam("chain")))
_SOME_VERSIONS = (
    select(versions.c.number, _last_of_version(bindparam("chain"), versions.c.number))
    .where(versions.c.model_id == bindparam("model"))
    .where(versions.c.number.in_(bindparam("numbers", expanding=True)))
)


class SelectionLook(Look):
    """The part of `View` about selections."""

    def select_models(self, project: str, selection: Selection) -> Sequence[FoundModel]:
        """See `View.select_models`."""
        tongue = _Tongue(self._connection.dialect.name)
        wanted = [models.c.project == project, models.c.deleted.is_(None)]
        wanted += [_model_holds(tongue, match) for match in selection.matches]
        if selection.without is not None:
            key, value = selection.without
            wanted.append(func.coalesce(tongue.member(models.c.tags, key), "") != value)
        by = {"name": tongue.title(), "created": models.c.created, "changed": _MODEL_CHANGED}
        query = (
            select(*rows.MODEL_COLUMNS, _MODEL_CHANGED)
            .where(*wanted)
            .order_by(*_order(selection.sorts, by))
            .limit(selection.limit)
            .offset(selection.skip)
        )
        return [FoundModel(rows.model(row[:-1]), row[-1]) for row in self._rows(query)]

    def select_versions(self, project: str, selection: Selection) -> Sequence[FoundVersion]:
        """See `View.select_versions`: first which, then all of them."""
        tongue = _Tongue(self._connection.dialect.name)
        wanted = [models.c.project == project, models.c.deleted.is_(None),
                  versions.c.deleted.is_(None)]  # fmt: skip
        wanted += [_version_holds(tongue, match) for match in selection.matches]
        if selection.without is not None:
            wanted.append(versions.c.model_id.not_in(_with_tag(*selection.without)))
        by = {"name": tongue.title(), "number": versions.c.number,
              "created": versions.c.created, "changed": _VERSION_CHANGED}  # fmt: skip
        which = (
            select(versions.c.id)
            .select_from(versions.join(models, models.c.id == versions.c.model_id))
            .where(*wanted)
            .order_by(*_order(selection.sorts, by))
            .limit(selection.limit)
            .offset(selection.skip)
        )
        return self._read_versions([row[0] for row in self._rows(which)], tongue)

    def _read_versions(self, ids: Sequence[int], tongue: _Tongue) -> Sequence[FoundVersion]:
        found: dict[int, FoundVersion] = {}
        query = select(*rows.VERSION_COLUMNS, tongue.title(), _VERSION_CHANGED).select_from(
            versions.join(models, models.c.id == versions.c.model_id)
        )
        for start in range(0, len(ids), _BATCH):
            batch = query.where(versions.c.id.in_(ids[start : start + _BATCH]))
            for row in self._rows(batch):
                found[row[0]] = FoundVersion(rows.version(row[:-2]), row[-2], row[-1])
        return [found[each] for each in ids]

    def changed(self, model: Model, numbers: Sequence[int]) -> Mapping[int, int]:
        """See `View.changed`."""
        chain = model_chain(model.project, model.name)
        row = self._row(_ONE_MODEL, chain=chain)
        found = dict.fromkeys([0, *numbers], model.created)
        found[0] = (row[0] if row else None) or model.created
        if numbers:
            for number, at in self._rows(
                _SOME_VERSIONS, chain=chain, model=model.id, numbers=numbers
            ):
                found[number] = at or model.created
        return found


class _Tongue:
    """What the databases say differently: members of JSON, and patterns."""

    def __init__(self, name: str) -> None:
        self._sqlite = name == "sqlite"

    def member(self, column: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        """Answer a member of a JSON object as text; no key of ours holds a quote."""
        if '"' in key or "\\" in key:
            return literal(None)
        if self._sqlite:
            return func.json_extract(column, f'$."{key}"')
        return func.json_extract_path_text(cast(column, JSON), key).collate("C")

    def title(self) -> ColumnElement[Any]:
        """Answer how the model is called."""
        titled = func.instr(models.c.tags, dumps(TITLE)) > 0
        if not self._sqlite:
            titled = func.strpos(models.c.tags, dumps(TITLE)) > 0
        name = func.coalesce(self.member(models.c.tags, TITLE), models.c.name)
        return case((titled, name), else_=models.c.name)

    def like(
        self, column: ColumnElement[Any], pattern: str, *, folded: bool
    ) -> ColumnElement[bool]:
        """Match a pattern in which nothing but `%` and `_` is special."""
        if self._sqlite and not folded:
            return column.op("GLOB")(pattern.translate(_GLOB))
        plain = pattern if self._sqlite else pattern.replace("\\", "\\\\")
        return column.op("ILIKE" if folded and not self._sqlite else "LIKE")(plain)

    def holds(self, column: ColumnElement[Any], match: Match) -> ColumnElement[bool]:
        """Answer what must hold of a column for `match` to be true of it."""
        value = match.values[0] if match.values else ""
        if match.comparison in {"like", "ilike"}:
            return self.like(column, str(value), folded=match.comparison == "ilike")
        operators: dict[str, Callable[[], ColumnElement[bool]]] = {
            "=": lambda: column == value,
            "!=": lambda: column != value,
            ">": lambda: column > value,
            ">=": lambda: column >= value,
            "<": lambda: column < value,
            "<=": lambda: column <= value,
            "in": lambda: column.in_(match.values),
            "not in": lambda: column.not_in(match.values),
        }
        return operators[match.comparison]()


_GLOB = str.maketrans({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"})


def _order(sorts: Sequence[Sort], by: Mapping[str, ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    return [by[each.by].desc() if each.descending else by[each.by].asc() for each in sorts]


def _named(tongue: _Tongue, match: Match) -> ColumnElement[bool]:
    """Look for a name by its index where it is known exactly."""
    exact = tongue.holds(tongue.title(), match)
    if match.comparison not in {"=", "in"}:
        return exact
    keys = [name_for(str(value)).lower() for value in match.values]
    return and_(models.c.name_key.in_(keys), exact)


def _model_holds(tongue: _Tongue, match: Match) -> ColumnElement[bool]:
    if match.subject == "tag":
        return tongue.holds(tongue.member(models.c.tags, match.key), match)
    return _named(tongue, match)


def _version_holds(tongue: _Tongue, match: Match) -> ColumnElement[bool]:
    if match.subject == "name":
        return _named(tongue, match)
    if match.subject == "tag":
        return versions.c.id.in_(
            select(attributes.c.version_id).where(
                attributes.c.kind == "tag", attributes.c.name == match.key,
                _starts(match), tongue.holds(attributes.c.value, match))
        )  # fmt: skip
    if match.subject == "number":
        return tongue.holds(versions.c.number, match)
    if match.subject == "run_id":
        plain = match.comparison in {"=", "in"} and "" not in match.values
        run = versions.c.run_id if plain else func.coalesce(versions.c.run_id, "")
        return tongue.holds(run, match)
    return tongue.holds(tongue.member(versions.c.document, "source"), match)


def _starts(match: Match) -> ColumnElement[bool]:
    """Use the index of how values start, where a value is known exactly."""
    if match.comparison != "=":
        return true()
    return attributes.c.start == str(match.values[0])[:START]


def _with_tag(key: str, value: str) -> Any:  # noqa: ANN401 - a query
    """Answer the models of which some version has a tag."""
    tagged = versions.alias()
    return (
        select(tagged.c.model_id)
        .select_from(attributes.join(tagged, tagged.c.id == attributes.c.version_id))
        .where(attributes.c.kind == "tag", attributes.c.name == key)
        .where(attributes.c.start == value[:START], attributes.c.value == value)
    )
