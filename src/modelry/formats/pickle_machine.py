"""Follows a pickle's instructions without obeying them, to learn what it would import.

It keeps the stack and the memo, with values only where they can name something
(short strings, numbers, small tuples, globals and what is made from them), so
that `STACK_GLOBAL` is resolved however its two strings got on the stack. Memory
and time are bounded by the constants here, whatever the pickle does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from modelry.core.errors import Invalid
from modelry.formats.pickle_memo import Memo
from modelry.formats.pickle_opcodes import EFFECTS, OPAQUE

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelry.formats.forward import Forward

MAX_STEPS = 10_000_000
_MAX_STACK = 250_000
_MAX_GLOBALS = 10_000
_SMALL = 16


class Global(NamedTuple):
    """A name that unpickling would import: a module and what is taken from it."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True)
class Made:
    """What calling a global would make, with its arguments and its state."""

    of: object
    arguments: object = OPAQUE
    state: object = OPAQUE


@dataclass(slots=True)
class Pairs:
    """A dictionary, of which a few entries with short keys are kept."""

    items: dict[str, object]


class Machine:
    """The stack and memo of an unpickler; `built` hears of each BUILD."""

    def __init__(self, stream: Forward, built: Callable[[Made], None] | None = None) -> None:
        self.stream = stream
        self.globals: dict[Global, None] = {}
        self.protocol = 0
        self.steps = 0
        self.calls = 0
        self.unresolved = 0
        self.nested = 0
        self._built = built
        self.clear()

    @property
    def remembered(self) -> int:
        """Answer how many values the pickle remembered."""
        return len(self._memo)

    def push(self, value: object) -> None:
        """Put a value on the stack."""
        self._stack.append(value)

    def pop(self) -> object:
        """Take the top of the stack, which must be above the last mark."""
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            self._refuse("it takes more than is on its stack")
        return self._stack.pop()

    def mark(self) -> None:
        """Remember the height of the stack."""
        if len(self._marks) > _MAX_STACK:
            self._refuse("it has too many marks")
        self._marks.append(len(self._stack))

    def pop_to_mark(self) -> list[object]:
        """Take everything above the last mark, and the mark."""
        if not self._marks:
            self._refuse("it needs a mark and has none")
        start = self._marks.pop()
        values = self._stack[start:]
        del self._stack[start:]
        return values

    def drop(self) -> None:
        """Take the top of the stack or, where nothing is above it, the mark."""
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()
        else:
            self.pop()

    def duplicate(self) -> None:
        """Put the top on the stack once more."""
        top = self._top()
        self.push(top)

    def put(self, index: int) -> None:
        """Remember the top of the stack."""
        top = self._top()
        self._memo.put(index, top, keep=isinstance(top, str | Global | Made))

    def memoize(self) -> None:
        """Remember the top of the stack under the next number."""
        self.put(len(self._memo))

    def get(self, index: object) -> None:
        """Recall what was remembered."""
        self.push(self._memo.get(index) if isinstance(index, int) else OPAQUE)

    def tuple_of(self, values: list[object]) -> None:
        """Make a tuple, keeping what is simple in it where it is small."""
        simple = (one if isinstance(one, str | int | None) else OPAQUE for one in values)
        self.push(tuple(simple) if len(values) <= _SMALL else OPAQUE)

    def found(self, module: object, name: object) -> None:
        """Note a global and put it on the stack; one made of unknown strings is counted."""
        if not isinstance(module, str) or not isinstance(name, str):
            self.unresolved += 1
            self.push(OPAQUE)
            return
        one = Global(module, name)
        if one in self.globals or len(self.globals) < _MAX_GLOBALS:
            self.globals[one] = None
        else:
            self.unresolved += 1
        self.push(one)

    def call(self, of: object, arguments: object = OPAQUE) -> None:
        """Make something of a global."""
        self.calls += isinstance(of, Global | Made)
        self.push(Made(of if isinstance(of, Global) else OPAQUE, arguments))

    def build(self) -> None:
        """Give what was made its state."""
        state = self.pop()
        target = self._top()
        if isinstance(target, Made):
            target.state = state
            if self._built is not None:
                self._built(target)
            target.state = state if isinstance(state, tuple) else OPAQUE

    def set_items(self, values: list[object]) -> None:
        """Put pairs into a dictionary."""
        target = self._top()
        if isinstance(target, Pairs) and len(target.items) + len(values) // 2 <= _SMALL:
            for key, value in zip(values[::2], values[1::2], strict=False):
                if isinstance(key, str):
                    target.items[key] = OPAQUE if isinstance(value, Pairs) else value

    def clear(self) -> None:
        """Begin a pickle: nothing on the stack, nothing remembered."""
        self._stack: list[object] = []
        self._marks: list[int] = []
        self._memo = Memo()

    def _top(self) -> object:
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            self._refuse("it takes more than is on its stack")
        return self._stack[-1]

    def _refuse(self, why: str) -> None:
        msg = f"{why} (byte {self.stream.at:,})"
        raise Invalid(msg, at=self.stream.at)

    def check(self) -> None:
        """Refuse what would take too long or too much memory to follow."""
        if self.steps > MAX_STEPS or len(self._stack) > _MAX_STACK:
            self._refuse("it is too long to be followed")

    def generic(self, code: int) -> None:
        """Do what an instruction without special meaning does to the stack."""
        effect = EFFECTS.get(code)
        if effect is None:
            msg = f"byte {self.stream.at - 1:,} is no pickle instruction ({code:#04x})"
            raise Invalid(msg, at=self.stream.at)
        effect.skip(self.stream)
        if effect.to_mark:
            self.pop_to_mark()
        for _ in range(effect.pops):
            self.pop()
        for _ in range(effect.pushes):
            self.push(OPAQUE)
