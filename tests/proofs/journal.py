"""What a process was told, kept where neither its own death nor the registry can reach it.

An operation is written down before it begins and again when its answer is
known. Plain appends survive the end of the process that made them.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelry.core.errors import Conflict, NotFound

NEVER = 1 << 62
"""The time at which an operation returned that nobody saw return."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A call: when it began and returned (monotonic ns), what it asked and was told."""

    id: str
    verb: str
    model: str
    about: str
    invoked: int
    returned: int
    answer: int | None
    refused: str

    @property
    def known(self) -> bool:
        """Say whether its answer was seen."""
        return self.returned < NEVER


class Journal:
    """The journal of one process."""

    def __init__(self, path: Path, name: str) -> None:
        self._name = name
        self._count = 0
        self._out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def next_id(self) -> str:
        """Answer the id that the next operation gets."""
        return f"{self._name}.{self._count}"

    def run(self, verb: str, model: str, about: str, call: Callable[[str], int | None]) -> Any:  # noqa: ANN401 - of the call
        """Call `call(id)` and keep its answer, or its refusal by `Conflict` or `NotFound`."""
        name = self.next_id()
        self._count += 1
        self._write("begin", name, verb, model, about, time.monotonic_ns())
        answer, refused = None, ""
        try:
            answer = call(name)
        except (Conflict, NotFound) as error:
            refused = error.code
        except Exception as error:
            self._write("broke", name, f"{type(error).__name__}: {error}", time.monotonic_ns())
            raise
        self._write("end", name, answer, refused, time.monotonic_ns())
        return answer

    def _write(self, *row: object) -> None:
        os.write(self._out, json.dumps(row).encode() + b"\n")


def read(path: Path) -> list[Operation]:
    """Answer the operations of a journal in their order."""
    found: dict[str, Operation] = {}
    for kind, name, *rest in map(json.loads, path.read_text(encoding="ascii").splitlines()):
        if kind == "begin":
            verb, model, about, at = rest
            found[name] = Operation(name, verb, model, about, at, NEVER, None, "")
        else:
            before = found[name]
            answer, refused = rest[:2] if kind == "end" else (None, f"broke: {rest[0]}")
            found[name] = Operation(name, before.verb, before.model, before.about,
                                    before.invoked, rest[-1], answer, refused)  # fmt: skip
    return list(found.values())
