"""YAML that says one thing: plain values only, no aliases, no doubled keys, bounded.

Events are counted before anything is built, because aliases multiply and deep
nesting overflows the stack of the parser. Tags never construct an object.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import yaml

from modelry.core.errors import Invalid
from modelry.formats.quoting import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelry.core.strict_json import Json

MAX_BYTES = 1024 * 1024
_MAX_DEPTH = 32
_MAX_EVENTS = 100_000
_MAX_DIGITS = 18
_MAX_TEXT = 256 * 1024
_Loader: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OPENS = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSES = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
_STANDARD = "tag:yaml.org,2002:"


def load(data: bytes, what: str) -> Json:
    """Read one document, calling it `what` in refusals."""
    if len(data) > MAX_BYTES:
        msg = f"{what} has {len(data):,} bytes of YAML; at most {MAX_BYTES:,} are read"
        raise Invalid(msg, what=what)
    try:
        _refuse_bombs(data, what)
        node = yaml.compose(data, Loader=_Loader)
    except (yaml.YAMLError, UnicodeError, ValueError, RecursionError) as error:
        reason = plain(" ".join(str(error).split()))
        msg = f"{what} is not acceptable YAML: {reason}"
        raise Invalid(msg, what=what) from error
    return None if node is None else _value(node, what)


def load_mapping(data: bytes, what: str) -> dict[str, Json]:
    """Read a document that must be a mapping."""
    value = load(data, what)
    if not isinstance(value, dict):
        msg = f"{what} must be a mapping of keys to values"
        raise Invalid(msg, what=what)
    return value


def _refuse_bombs(data: bytes, what: str) -> None:
    depth = 0
    for count, event in enumerate(yaml.parse(data, Loader=_Loader)):
        depth += isinstance(event, _OPENS)
        depth -= isinstance(event, _CLOSES)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            msg = f"{what} uses a YAML anchor or alias; write the value out"
            raise Invalid(msg, what=what)
        if depth > _MAX_DEPTH or count > _MAX_EVENTS:
            msg = (
                f"{what} is nested deeper than {_MAX_DEPTH} levels or has more than "
                f"{_MAX_EVENTS:,} parts"
            )
            raise Invalid(msg, what=what)


def _value(node: yaml.Node, what: str) -> Json:
    if not node.tag.startswith(_STANDARD) or "python" in node.tag:
        msg = f"{what} uses the YAML tag {plain(node.tag)!r}; only plain values are read"
        raise Invalid(msg, what=what)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, what)
    if isinstance(node, yaml.SequenceNode):
        return [_value(one, what) for one in node.value]
    return _scalar(node)


def _mapping(node: yaml.MappingNode, what: str) -> dict[str, Json]:
    answer: dict[str, Json] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            msg = f"{what} has a key that is not plain text"
            raise Invalid(msg, what=what)
        name = str(key.value)
        if name in answer:
            msg = f"{what} has the key {plain(name)!r} twice"
            raise Invalid(msg, what=what)
        answer[name] = _value(value, what)
    return answer


def _scalar(node: yaml.Node) -> Json:
    text = str(node.value)
    if len(text) > _MAX_TEXT:
        return plain(text)
    read = _READERS.get(node.tag.removeprefix(_STANDARD))
    return text if read is None else read(text)


def _bool(text: str) -> Json:
    return text.lower() in ("true", "yes", "on")


def _int(text: str) -> Json:
    digits = text.replace("_", "").removeprefix("+")
    is_decimal = digits.removeprefix("-").isdecimal() and len(digits) <= _MAX_DIGITS
    return int(digits) if is_decimal else text


def _float(text: str) -> Json:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


_READERS: dict[str, Callable[[str], Json]] = {
    "null": lambda _text: None,
    "bool": _bool,
    "int": _int,
    "float": _float,
}
