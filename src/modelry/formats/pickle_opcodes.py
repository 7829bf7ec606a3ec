"""The instructions of pickle: how each is read, and what it takes from and puts on the stack.

The table of effects is that of the standard library's `pickletools`, which
documents protocols 0 to 5. Arguments are read here, because `pickletools`
loads them whole and a single one may be gigabytes.
"""

from __future__ import annotations

import pickletools
from typing import TYPE_CHECKING, NamedTuple

from modelry.core.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelry.formats.forward import Forward

_NUMBER_MOST = 8
_KEPT = 128
_COUNTED = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT4: 4}
_COUNTED |= {pickletools.TAKEN_FROM_ARGUMENT4U: 4, pickletools.TAKEN_FROM_ARGUMENT8U: 8}


class Opaque:
    """A value that nobody needs to know."""

    __slots__ = ()


OPAQUE = Opaque()


class Effect(NamedTuple):
    """What an instruction without special meaning does: pop (to the mark), then push."""

    name: str
    to_mark: bool
    pops: int
    pushes: int
    skip: Callable[[Forward], None]


def number(stream: Forward, size: int, *, signed: bool = False) -> int:
    """Read a little-endian whole number of `size` bytes."""
    if size == 1 and not signed:
        return stream.byte()
    return int.from_bytes(stream.take(size, "a number"), "little", signed=signed)


def decimal(stream: Forward) -> object:
    """Read a number in text; `00` and `01` are the truth values of protocol 1."""
    text = stream.line("a number")
    if text in (b"00", b"01"):
        return text == b"01"
    try:
        return int(text.rstrip(b"L"))
    except ValueError as error:
        msg = f"the line that ends at byte {stream.at:,} should be a whole number"
        raise Invalid(msg, at=stream.at) from error


def long(stream: Forward, width: int) -> object:
    """Read a number of any length, keeping it only where it is short."""
    size = number(stream, width)
    if size <= _NUMBER_MOST:
        return number(stream, size, signed=True)
    stream.skip(size, "a long number")
    return OPAQUE


def text(stream: Forward, width: int) -> object:
    """Read a string led by its length, keeping it only where it could name something."""
    size = number(stream, width)
    if size > _KEPT:
        stream.skip(size, "a string")
        return OPAQUE
    return stream.take(size, "a string").decode("utf-8", "replace")


def text_line(stream: Forward) -> object:
    """Read a string of protocol 0; one with escapes is not kept, so it names nothing."""
    line = stream.line("a string", 1 << 24)
    inner = line[1:-1] if line[:1] in (b"'", b'"') and line[:1] == line[-1:] else line
    is_plain = len(inner) <= _KEPT and b"\\" not in inner
    return inner.decode("ascii", "replace") if is_plain else OPAQUE


def _skipper(opcode: pickletools.OpcodeInfo) -> Callable[[Forward], None]:
    """Answer how to pass over the argument of `opcode`."""
    if opcode.arg is None:
        return lambda _stream: None
    size = opcode.arg.n
    if size in _COUNTED:
        width = _COUNTED[size]
        return lambda stream: stream.skip(number(stream, width), opcode.name)
    if size == pickletools.UP_TO_NEWLINE:
        return lambda stream: _skip_line(stream, opcode.name)
    return lambda stream: stream.skip(size, opcode.name)


def _skip_line(stream: Forward, part: str) -> None:
    stream.line(part, 1 << 24)


def _effect(opcode: pickletools.OpcodeInfo) -> Effect:
    before = [kind.name for kind in opcode.stack_before]
    marked = "mark" in before
    pops = before.index("mark") if marked else len(before)
    return Effect(opcode.name, marked, pops, len(opcode.stack_after), _skipper(opcode))


EFFECTS: Mapping[int, Effect] = {
    ord(opcode.code): _effect(opcode) for opcode in pickletools.opcodes
}
