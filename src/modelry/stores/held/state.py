"""Everything a store holds, in dictionaries of frozen nouns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Self

from modelry.core.events import Event, Head
from modelry.core.lifecycle import DEFAULT_LIFECYCLE, Lifecycle
from modelry.core.model import Model, Move, Pointer, Version
from modelry.core.names import DEFAULT_PROJECT
from modelry.core.strict_json import Json

_MARK = "generation"


@dataclass(slots=True)
class State:
    """The tables; versions, pointers and moves are kept by the id of their model."""

    projects: dict[str, Lifecycle] = field(
        default_factory=lambda: {DEFAULT_PROJECT: DEFAULT_LIFECYCLE}
    )
    models: dict[tuple[str, str], Model] = field(default_factory=dict)
    versions: dict[tuple[int, int], Version] = field(default_factory=dict)
    labels: dict[tuple[int, str], int] = field(default_factory=dict)
    entered: dict[tuple[int, int], int] = field(default_factory=dict)
    pointers: dict[tuple[int, str], Pointer] = field(default_factory=dict)
    moves: dict[tuple[int, str, int], Move] = field(default_factory=dict)
    events: dict[tuple[str, int], Event] = field(default_factory=dict)
    heads: dict[str, Head] = field(default_factory=dict)
    environments: dict[str, str] = field(default_factory=dict)
    kept: dict[tuple[str, str], tuple[Mapping[str, Json], int | None]] = field(default_factory=dict)
    generation: int = 0

    def copy(self) -> Self:
        """Answer a state whose changes leave this one as it is."""
        tables = {
            each.name: dict(getattr(self, each.name)) for each in fields(self) if each.name != _MARK
        }
        return type(self)(**tables, generation=self.generation + 1)
