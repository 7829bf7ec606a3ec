"""From rows to nouns."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, select

from modelry.core.errors import Corrupt
from modelry.core.events import Event, EventKind, Head
from modelry.core.model import Model, Move, Pointer, Version
from modelry.core.sealing import open_document
from modelry.core.selection import Outline
from modelry.stores.sql.tables import events, heads, models, moves, pointers, versions

_READ = json.JSONDecoder().raw_decode
"""Reads what a store wrote itself, which begins and ends without white space."""

_EMPTY = "{}"

made = tuple.__new__
"""Makes a tuple with names (`made(Outline, facts)`) in half the time; a page has hundreds."""

# Rows come as plain tuples, from SQLAlchemy and from a bare cursor alike.
Row = Any

# Written out, so that the text of a query can be had without its values.
_COMMA: Any = literal_column("','")

_aliases = (
    select(func.aggregate_strings(pointers.c.name, _COMMA))
    .where(
        pointers.c.model_id == versions.c.model_id,
        pointers.c.number == versions.c.number,
        pointers.c.kind == "alias",
    )
    .scalar_subquery()
)

VERSION_COLUMNS: tuple[ColumnElement[Any], ...] = (
    versions.c.id,
    versions.c.document,
    versions.c.stage,
    _aliases,
    versions.c.tags,
    versions.c.description,
    versions.c.deleted,
    versions.c.purged,
)

OUTLINE_COLUMNS: tuple[ColumnElement[Any], ...] = (
    versions.c.id,
    versions.c.number,
    versions.c.stage,
    _aliases,
    versions.c.tags,
    versions.c.description,
    versions.c.run_id,
    versions.c.author,
    versions.c.created,
)
"""What `outline` reads; the source of the version, which is in its document, comes next."""

MODEL_COLUMNS: tuple[ColumnElement[Any], ...] = (
    models.c.id,
    models.c.project,
    models.c.name,
    models.c.description,
    models.c.tags,
    models.c.last_number,
    models.c.author,
    models.c.created,
    models.c.updated,
    models.c.deleted,
)


def select_versions() -> Select[Any]:
    """Begin a query whose rows `version` reads."""
    return select(*VERSION_COLUMNS).select_from(versions)


def version(row: Row) -> Version:
    """Make a version of a row of `select_versions`."""
    number, text, stage, aliases, tags, description, deleted, purged = row
    return open_document(
        text,
        id=number,
        stage=stage,
        aliases=tuple(sorted(aliases.split(","))) if aliases else (),
        tags=json.loads(tags),
        description=description,
        deleted=deleted,
        purged=purged,
    )


def outline(row: Row) -> tuple[Outline, Any, int]:
    """Make an outline of a row of `OUTLINE_COLUMNS`, the source, and two more.

    Answers it, then what the row says of its model, then when it changed.
    """
    (key, number, stage, aliases, text, description, run_id, author, created, source, model,
     changed) = row  # fmt: skip
    names = tuple(sorted(aliases.split(","))) if aliases else ()
    tags = _READ(text)[0] if text != _EMPTY else {}
    told = (key, number, stage, names, tags, description, source, run_id, author, created)
    return made(Outline, told), model, changed


def model(row: Row) -> Model:
    """Make a model of a row of `MODEL_COLUMNS`."""
    number, project, name, description, text, last, author, created, updated, deleted = row
    tags = _READ(text)[0] if text != _EMPTY else {}
    return Model(
        id=number,
        project=project,
        name=name,
        description=description,
        tags=tags,
        last_number=last,
        author=author,
        created=created,
        updated=updated,
        deleted=deleted,
    )


POINTER_COLUMNS = (
    pointers.c.name,
    pointers.c.kind,
    pointers.c.number,
    pointers.c.entry,
    pointers.c.since,
)


def pointer(row: Row) -> Pointer:
    """Make a pointer of a row of `POINTER_COLUMNS`."""
    return Pointer(*row)


MOVE_COLUMNS = (
    moves.c.name,
    moves.c.kind,
    moves.c.seq,
    moves.c.number,
    moves.c.entry,
    moves.c.below,
    moves.c.at,
)


def move(row: Row) -> Move:
    """Make a move of a row of `MOVE_COLUMNS`."""
    return Move(*row)


EVENT_COLUMNS = (
    events.c.chain,
    events.c.seq,
    events.c.kind,
    events.c.actor,
    events.c.at,
    events.c.number,
    events.c.body,
    events.c.prev,
    events.c.hash,
)


def event(row: Row) -> Event:
    """Make an event of a row of `EVENT_COLUMNS`. Raises `Corrupt` for one that makes no sense."""
    chain, seq, kind, actor, at, number, body, prev, digest = row
    try:
        return Event(chain, seq, EventKind(kind), actor, at, number, json.loads(body), prev, digest)
    except ValueError as error:
        msg = f"the record {chain}#{seq} was edited: {error}"
        raise Corrupt(msg, chain=chain, seq=seq) from error


HEAD_COLUMNS = (heads.c.chain, heads.c.seq, heads.c.hash, heads.c.at)


def head(row: Row) -> Head:
    """Make a head of a row of `HEAD_COLUMNS`."""
    return Head(*row)
