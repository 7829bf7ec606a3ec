"""A service: started before the work, stopped after it, the same way for all of them (S1.1)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Service(ABC):
    """Something that an application starts before its work and stops after it.

    Starting twice is starting once; so is stopping. A `repr` shows no secret.
    """

    @abstractmethod
    def start(self) -> None:
        """Begin. Raises one of `modelry.core.errors` where that is not possible."""

    def stop(self) -> None:
        """End, and put back what `start` changed in the process."""
        return  # most services hold nothing

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
