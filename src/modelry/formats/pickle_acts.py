"""What each pickle instruction does to a `Machine`, and the loop that follows a pickle.

An instruction that is not listed here only moves the stack, as `pickletools`
documents.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from modelry.formats import pickle_opcodes as opcodes
from modelry.formats.pickle_machine import Machine, Pairs
from modelry.formats.pickle_opcodes import EFFECTS, OPAQUE

if TYPE_CHECKING:
    from modelry.formats.forward import Forward

_STOP = ord(".")
_BETWEEN_CHECKS = 0x3FF
_PROTO = b"\x80"
_LAST_PROTOCOL = b"\x05"


def follow(machine: Machine) -> None:
    """Follow one pickle to its STOP. Raises `Invalid` where it cannot be followed."""
    machine.clear()
    stream = machine.stream
    code = 0
    while code != _STOP:
        code = stream.byte()
        machine.steps += 1
        act = _ACTS.get(code)
        if act is not None:
            act(machine)
        else:
            machine.generic(code)
        if not machine.steps & _BETWEEN_CHECKS:
            machine.check()


def opens_pickle(head: bytes) -> bool:
    """Recognise protocol 2 and later: a protocol and then an instruction."""
    if not head.startswith(_PROTO) or head[1:2] > _LAST_PROTOCOL or len(head) == 1:
        return False
    return not head[2:3] or head[2] in EFFECTS


def _stack_global(machine: Machine) -> None:
    name = machine.pop()
    machine.found(machine.pop(), name)


def _global(machine: Machine) -> None:
    module = machine.stream.line("a module").decode("utf-8", "replace")
    machine.found(module, machine.stream.line("a name").decode("utf-8", "replace"))


def _instance(machine: Machine) -> None:
    machine.pop_to_mark()
    _global(machine)
    machine.call(machine.pop())


def _object(machine: Machine) -> None:
    values = machine.pop_to_mark()
    machine.call(values[0] if values else OPAQUE)


def _call(machine: Machine) -> None:
    arguments = machine.pop()
    machine.call(machine.pop(), arguments if isinstance(arguments, tuple) else OPAQUE)


def _call_with_keywords(machine: Machine) -> None:
    machine.pop()
    _call(machine)


def _set_item(machine: Machine) -> None:
    value = machine.pop()
    machine.set_items([machine.pop(), value])


def _protocol(machine: Machine) -> None:
    machine.protocol = max(machine.protocol, machine.stream.byte())


_Act = Callable[[Machine], None]


def _pushing(read: Callable[[Forward], object]) -> _Act:
    return lambda machine: machine.push(read(machine.stream))


def _constant(value: object) -> _Act:
    return lambda machine: machine.push(value)


def _sized(width: int, *, signed: bool = False) -> _Act:
    return _pushing(lambda stream: opcodes.number(stream, width, signed=signed))


def _text(width: int) -> _Act:
    return _pushing(lambda stream: opcodes.text(stream, width))


def _put(width: int) -> _Act:
    return lambda machine: machine.put(opcodes.number(machine.stream, width))


def _get(width: int) -> _Act:
    return lambda machine: machine.get(opcodes.number(machine.stream, width))


def _put_line(machine: Machine) -> None:
    index = opcodes.decimal(machine.stream)
    machine.put(index if isinstance(index, int) else 0)


def _bytes(width: int) -> _Act:
    """Pass over bytes, noting where they would be a pickle of their own."""

    def act(machine: Machine) -> None:
        size = opcodes.number(machine.stream, width)
        machine.nested += size > 1 and opens_pickle(machine.stream.peek(min(size, 3)))
        machine.stream.skip(size, "bytes")
        machine.push(OPAQUE)

    return act


def _extension(width: int) -> _Act:
    return lambda machine: machine.found(
        "copyreg", f"extension {opcodes.number(machine.stream, width)}"
    )


def _tuple(count: int) -> _Act:
    return lambda machine: machine.tuple_of([machine.pop() for _ in range(count)][::-1])


_NAMED: dict[bytes, _Act] = {
    b"(": Machine.mark,
    b"0": Machine.drop,
    b"2": Machine.duplicate,
    b"\x80": _protocol,
    b"N": _constant(None),
    b"\x88": _constant(True),  # noqa: FBT003
    b"\x89": _constant(False),  # noqa: FBT003
    b"I": _pushing(opcodes.decimal),
    b"L": _pushing(opcodes.decimal),
    b"K": _sized(1),
    b"M": _sized(2),
    b"J": _sized(4, signed=True),
    b"\x8a": _pushing(lambda stream: opcodes.long(stream, 1)),
    b"\x8b": _pushing(lambda stream: opcodes.long(stream, 4)),
    b"S": _pushing(opcodes.text_line),
    b"V": _pushing(opcodes.text_line),
    b"U": _text(1),
    b"T": _text(4),
    b"\x8c": _text(1),
    b"X": _text(4),
    b"C": _bytes(1),
    b"B": _bytes(4),
    b"\x8e": _bytes(8),
    b"\x96": _bytes(8),
    b"\x8d": _text(8),
    b")": lambda machine: machine.tuple_of([]),
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"t": lambda machine: machine.tuple_of(machine.pop_to_mark()),
    b"}": lambda machine: machine.push(Pairs({})),
    b"s": _set_item,
    b"u": lambda machine: machine.set_items(machine.pop_to_mark()),
    b"p": _put_line,
    b"q": _put(1),
    b"r": _put(4),
    b"\x94": Machine.memoize,
    b"g": lambda machine: machine.get(opcodes.decimal(machine.stream)),
    b"h": _get(1),
    b"j": _get(4),
    b"c": _global,
    b"\x93": _stack_global,
    b"i": _instance,
    b"o": _object,
    b"R": _call,
    b"\x81": _call,
    b"\x92": _call_with_keywords,
    b"b": Machine.build,
    b"\x82": _extension(1),
    b"\x83": _extension(2),
    b"\x84": _extension(4),
}
_ACTS = {code[0]: act for code, act in _NAMED.items()}
