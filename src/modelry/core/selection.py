"""A selection of models or versions by plain conditions that all hold, in any order, by pages.

Beside the search language of people (`query.py`) this is what protocols of
other registries ask: exact names, patterns, numbers, tags, and an offset.
Text is compared letter by letter; in `like` the letter case counts, in `ilike`
that of ASCII letters does not, and in both `%` stands for any characters and
`_` for one. A condition on a tag that is not there is false.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, cast

from modelry.core.errors import Invalid
from modelry.core.events import EventKind
from modelry.core.model import Model, Pointer, Version
from modelry.core.names import check_model, fold

Comparison = Literal["=", "!=", ">", ">=", "<", "<=", "like", "ilike", "in", "not in"]
Subject = Literal["name", "tag", "run_id", "source", "number"]
SortKey = Literal["name", "number", "created", "changed"]
Operand: TypeAlias = "str | int"

_KEPT, _HASH = 100, 16
"""Characters of a title that its name keeps, and hex digits of its hash."""

TITLE = "modelry.title"
"""The tag of a model that says how it is called where its name could not be a name of ours."""

CHANGES_OF_VERSION = frozenset({
    EventKind.REGISTERED, EventKind.PROMOTED, EventKind.ARCHIVED, EventKind.ROLLED_BACK,
    EventKind.DESCRIBED, EventKind.MODEL_RENAMED,
})  # fmt: skip
"""What changes a version itself: its stage or its description, not its tags and aliases."""

CHANGES_OF_MODEL = CHANGES_OF_VERSION - {EventKind.DESCRIBED} | {
    EventKind.MODEL_CREATED, EventKind.MODEL_DESCRIBED, EventKind.DELETED,
}  # fmt: skip
"""What changes a model itself: its versions and their stages, its name and its description."""


@dataclass(frozen=True, slots=True)
class Match:
    """One condition; `key` is the name of a tag, else empty."""

    subject: Subject
    comparison: Comparison
    values: tuple[Operand, ...]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Sort:
    """What to sort by; `changed` is the time of the last change of the thing itself."""

    by: SortKey
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """All `matches` hold; `without` is a tag and its value that no answer has.

    Versions are left out where any version of their model has it.
    """

    matches: tuple[Match, ...]
    sorts: tuple[Sort, ...]
    skip: int
    limit: int
    without: tuple[str, str] | None = None


class Outline(NamedTuple):
    """What lists show of a version: not its files, nor what was measured."""

    id: int
    number: int
    stage: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    description: str
    source: str
    run_id: str | None
    author: str
    created: int


class FoundVersion(NamedTuple):
    """A version that was selected, the title of its model, and when it last changed itself."""

    version: Outline
    title: str
    changed: int


class Front(NamedTuple):
    """What a list tells of a model beside itself, each with when it last changed itself.

    `latest` has the version with the highest number of each stage.
    """

    changed: int
    latest: Sequence[tuple[Outline, int]]
    aliases: Sequence[Pointer]


def outline_of(version: Version) -> Outline:
    """Answer what lists show of a version."""
    return Outline(
        version.id, version.number, version.stage, version.aliases, version.tags,
        version.description, version.source, version.run_id, version.author, version.created,
    )  # fmt: skip


def title_of(model: Model) -> str:
    """Answer how a model is called: its title, else its name."""
    return model.tags.get(TITLE) or model.name


def name_for(title: str) -> str:
    """Answer the name of the model that is called `title`: the same, where that can be a name.

    Else what can be kept of it and the beginning of its sha256, so that no two
    titles share a name; the title itself is kept as the tag `TITLE`.
    """
    try:
        return check_model(title)
    except Invalid:
        plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
        words = re.findall(r"[A-Za-z0-9]+", plain)
        kept = "-".join(words)[:_KEPT].strip("-") or "model"
        return f"{kept}.{hashlib.sha256(title.encode()).hexdigest()[:_HASH]}"


def holds(match: Match, value: Operand | None) -> bool:
    """Say whether `value` (None for none) meets a condition: what every store must answer."""
    if value is None:
        return False
    if match.comparison in {"like", "ilike"}:
        return _like(str(value), str(match.values[0]), folded=match.comparison == "ilike")
    return _COMPARE[match.comparison](value, match.values)


_COMPARE: Mapping[str, Callable[[Operand, Sequence[Operand]], bool]] = {
    "=": lambda value, others: value == others[0],
    "!=": lambda value, others: value != others[0],
    ">": lambda value, others: cast("int", value) > cast("int", others[0]),
    ">=": lambda value, others: cast("int", value) >= cast("int", others[0]),
    "<": lambda value, others: cast("int", value) < cast("int", others[0]),
    "<=": lambda value, others: cast("int", value) <= cast("int", others[0]),
    "in": lambda value, others: value in others,
    "not in": lambda value, others: value not in others,
}


def _like(text: str, pattern: str, *, folded: bool) -> bool:
    """Match a pattern without walking back and forth more than once for each `%`."""
    if folded:
        text, pattern = fold(text), fold(pattern)
    parts = [re.escape(part).replace("_", ".") for part in pattern.split("%")]
    if len(parts) == 1:
        return re.fullmatch(parts[0], text, re.DOTALL) is not None
    first = re.match(parts[0], text, re.DOTALL)
    if first is None:
        return False
    at = first.end()
    for part in parts[1:-1]:
        found = re.compile(part, re.DOTALL).search(text, at)
        if found is None:
            return False
        at = found.end()
    length = len(pattern.rpartition("%")[2])
    tail = text[len(text) - length :] if length else ""
    return len(text) - length >= at and re.fullmatch(parts[-1], tail, re.DOTALL) is not None
