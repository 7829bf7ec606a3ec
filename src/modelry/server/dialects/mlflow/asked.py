"""What a request asks: its parameters from the query or the body, refused in MLflow's words."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl

from starlette.requests import Request

from modelry.core.strict_json import MAX_INTEGER, Json, load_object
from modelry.server.dialects.mlflow.refusals import UNREADABLE, Refusal, invalid

if TYPE_CHECKING:
    from modelry.blobs.objects.sources import BucketSources

_SEE = " See the API docs for more information about request parameters."
_MOST_PARAMETERS = 1000
_SHOWN = 200
_SPECIAL = {"nan": math.nan, "infinity": math.inf, "-infinity": -math.inf}


def missing(name: str) -> Refusal:
    """Say that a parameter is missing."""
    return invalid(f"Missing value for required parameter '{name}'.{_SEE}")


def wrong(name: str, value: object, hint: str = "") -> Refusal:
    """Say that a parameter cannot be what it is."""
    shown = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)[:_SHOWN]
    hint = hint or f" Hint: Value was of type '{type(value).__name__}'."
    return invalid(f"Invalid value {shown} for parameter '{name}' supplied: {hint}{_SEE}")


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of one request. What is not known here is ignored, as MLflow does.

    `project` is whose request it is, `place` what the path itself names,
    `base` the address under which the caller reached this server's project,
    `external` the schemes of sources that need not be held here, `buckets` the
    places in object stores from which sources are copied.
    """

    project: str
    given: Mapping[str, Json]
    place: Mapping[str, str] = field(default_factory=dict)
    base: str = ""
    external: frozenset[str] = frozenset()
    buckets: BucketSources | None = None

    def needed(self, name: str) -> str:
        """Answer a text that has to be there and not empty."""
        text = self.text(name)
        if not text:
            raise missing(name)
        return text

    def text(self, name: str, default: str = "") -> str:
        """Answer a text, `default` where there is none."""
        return self.maybe(name) or default

    def maybe(self, name: str) -> str | None:
        """Answer a text, None where none was given: an empty one is one."""
        value = self._single(name)
        if isinstance(value, str):
            return shown(name, value)
        if value is None:
            return None
        raise wrong(name, value)

    def there(self, name: str) -> None:
        """Require that a parameter was given, whatever it is."""
        if self.given.get(name) is None:
            raise missing(name)

    def whole(self, name: str, default: int | None = None) -> int:
        """Answer a whole number of 64 bits; without a `default` it has to be there."""
        value = self._single(name)
        if value is None or value == "":
            if default is None:
                raise missing(name)
            return default
        number = _whole(value)
        if number is None or not -MAX_INTEGER <= number <= MAX_INTEGER:
            raise wrong(name, value)
        return number

    def within(self, name: str, default: int, low: int, high: int) -> int:
        """Answer a whole number from `low` to `high`."""
        number = self.whole(name, default)
        if not low <= number <= high:
            hint = f" It must be at least {low} and at most {high}."
            raise wrong(name, number, hint)
        return number

    def real(self, name: str) -> float:
        """Answer a number that has to be there; NaN and infinities are written as text."""
        value = self._single(name)
        if value is None or value == "":
            raise missing(name)
        return real(name, value)

    def flag(self, name: str, *, default: bool | None = None) -> bool:
        """Answer true or false; without a `default` it has to be there."""
        value = self._single(name)
        if value is None or value == "":
            if default is None:
                raise missing(name)
            return default
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        if isinstance(value, bool):
            return value
        raise wrong(name, value)

    def texts(self, name: str) -> Sequence[str]:
        """Answer a list of texts, empty where there is none."""
        value = self.given.get(name)
        if value is None:
            return ()
        if isinstance(value, str) and self._queried:
            return (shown(name, value),)
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise wrong(name, value)
        return tuple(shown(name, str(each)) for each in value)

    def items(self, name: str) -> Sequence[Mapping[str, Json]]:
        """Answer a list of objects, empty where there is none."""
        value = self.given.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise wrong(name, value)
        return cast("Sequence[Mapping[str, Json]]", value)

    def pairs(self, name: str) -> Sequence[tuple[str, str]]:
        """Answer a list of `{"key": ..., "value": ...}` as pairs, in their order."""
        return [_pair(name, at, each) for at, each in enumerate(self.items(name))]

    @property
    def _queried(self) -> bool:
        return isinstance(self.given, _Query)

    def _single(self, name: str) -> Json:
        value = self.given.get(name)
        if self._queried and isinstance(value, list):
            return cast("Json", value[-1])
        return value


def shown(name: str, text: str) -> str:
    """Answer a text without NUL, which no database keeps."""
    if "\0" in text:
        raise wrong(name, text, " It holds a character that cannot be kept.")
    return text


class _Query(dict[str, Json]):
    """Parameters of a query: a text each, a list of texts where one stands there repeatedly."""


def _whole(value: Json) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.lstrip("-").isascii() and value.lstrip("-").isdigit():
        return int(value) if len(value) <= 20 else None  # noqa: PLR2004 - more than 64 bits
    return None


def real(name: str, value: Json) -> float:
    """Read a number as protobuf's JSON has it."""
    if isinstance(value, str):
        special = _SPECIAL.get(value.lower())
        if special is not None:
            return special
        try:
            return float(value)
        except ValueError as error:
            raise wrong(name, value) from error
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(name, value)
    return float(value)


def _pair(name: str, at: int, item: Mapping[str, Json]) -> tuple[str, str]:
    key, value = item.get("key"), item.get("value")
    where = f"{name}[{at}].key"
    if key is None or key == "":
        raise missing(where)
    if not isinstance(key, str):
        raise wrong(where, key)
    if value is not None and not isinstance(value, str):
        where = f"{name}[{at}].value"
        raise wrong(where, value)
    return shown(where, key), shown(f"{name}[{at}].value", value or "")


async def given_in(request: Request) -> Mapping[str, Json]:
    """Read the parameters: of a GET from the query, else from the body, which is a JSON object."""
    query = request.scope["query_string"]
    if request.method == "GET" and query:
        return query_in(query)
    body = await request.body()
    if not body:
        return {}
    kind = request.headers.get("content-type", "application/json")
    if kind.partition(";")[0].strip().lower() != "application/json":
        msg = "Bad Request. Content-Type should be application/json."
        raise Refusal(UNREADABLE, msg)
    return load_object(body, "the body")


def query_in(query: bytes) -> Mapping[str, Json]:
    """Read the parameters of a query."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict",
                          max_num_fields=_MOST_PARAMETERS)  # fmt: skip
    except ValueError as error:  # also for what is not UTF-8
        msg = "the query cannot be read: it has too many parameters, or is not UTF-8"
        raise invalid(msg) from error
    found: dict[str, list[Json]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return _Query({name: each[0] if len(each) == 1 else each for name, each in found.items()})
