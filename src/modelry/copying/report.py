"""What a copy tells: what came, what was there, what the target could not hold."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelry.core.events import Problem
from modelry.core.model import Version


@dataclass(frozen=True, slots=True)
class Lost:
    """A fact that the target could not hold; `where` is the version or model it was of."""

    where: str
    what: str


@dataclass(slots=True)
class Copied:
    """What a copy did.

    `new` versions were brought now, `there` were brought before; `size` counts
    the bytes brought now. `lost` is what could not be held, `problems` what is
    not as it should be: what could not be copied at all, or came out otherwise.
    """

    models: int = 0
    new: int = 0
    there: int = 0
    size: int = 0
    lost: list[Lost] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)

    def lose(self, where: str, what: str) -> None:
        """Keep what was lost, once."""
        if Lost(where, what) not in self.lost:
            self.lost.append(Lost(where, what))

    def fail(self, where: str, what: str) -> None:
        """Keep what is not as it should be."""
        self.problems.append(Problem(where, what))
