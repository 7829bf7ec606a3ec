"""What a caller says of a new version, checked before a byte is read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TypeAlias, TypeVar

from modelry.core.errors import Invalid
from modelry.core.model import Dataset, Number
from modelry.core.names import (
    MAX_DESCRIPTION,
    MAX_TAG,
    MAX_TAGS,
    MAX_TEXT,
    check_key,
    check_label,
    check_text,
)
from modelry.core.strict_json import MAX_INTEGER, Json, check, dumps

MAX_ITEMS = 1000

SizedT = TypeVar("SizedT", bound=Sized)

TagsInput: TypeAlias = "Mapping[str, object] | Iterable[str]"
DatasetInput: TypeAlias = "str | Dataset | Mapping[str, object]"


@dataclass(frozen=True, slots=True)
class Draft:
    """A version's metadata as it will be sealed."""

    version: str | None
    metrics: Mapping[str, Number]
    params: Mapping[str, Json]
    tags: Mapping[str, str]
    datasets: tuple[Dataset, ...]
    description: str
    run_id: str | None


def draft(  # noqa: PLR0913 - a version has this many facts
    *,
    version: str | int | None,
    metrics: Mapping[str, object] | None,
    params: Mapping[str, object] | None,
    tags: TagsInput | None,
    datasets: Sequence[DatasetInput],
    description: str | None,
    run_id: str | None,
) -> Draft:
    """Check everything a caller says. Raises `Invalid` naming what is wrong."""
    return Draft(
        None if version is None else check_label(str(version)),
        checked_metrics(metrics or {}),
        checked_params(params or {}),
        checked_tags(tags or {}),
        _few(tuple(_dataset(each) for each in datasets), "data sets"),
        check_text(description or "", "the description", MAX_DESCRIPTION),
        None if run_id is None else check_text(run_id, "the run id"),
    )


def checked_metrics(given: Mapping[str, object]) -> dict[str, Number]:
    """Answer metrics as finite numbers; whole numbers stay whole."""
    _few(given, "metrics")
    return {check_key(name, "metric"): _metric(name, value) for name, value in given.items()}


def _metric(name: str, value: object) -> Number:
    if isinstance(value, bool) or not isinstance(value, Real):
        msg = f"the metric {name} is {value!r}; a metric is a number"
        raise Invalid(msg, metric=name)
    number = int(value) if isinstance(value, Integral) else float(value)
    if not math.isfinite(number) or (isinstance(number, int) and abs(number) > MAX_INTEGER):
        msg = f"the metric {name} is {value}; only finite numbers up to 64 bits are kept"
        raise Invalid(msg, metric=name)
    return number


def checked_params(given: Mapping[str, object]) -> dict[str, Json]:
    """Answer parameters as JSON values."""
    _few(given, "parameters")
    return {check_key(name, "parameter"): _param(name, value) for name, value in given.items()}


def _param(name: str, value: object) -> Json:
    checked = check(value, f"the parameter {name}")
    if len(dumps(checked)) > MAX_TEXT:
        msg = f"the parameter {name} has more than {MAX_TEXT} characters; keep it in a file"
        raise Invalid(msg, param=name)
    return checked


def checked_tags(given: TagsInput) -> dict[str, str]:
    """Answer tags as a map; an item of a list becomes a key with an empty value."""
    if isinstance(given, str):
        msg = f"tags are a map or a list, not the text {given!r}; write [{given!r}]"
        raise Invalid(msg)
    pairs = given if isinstance(given, Mapping) else dict.fromkeys(given, "")
    _few(pairs, "tags")
    return bounded_tags(
        {check_key(name, "tag"): _tag(name, value) for name, value in pairs.items()}
    )


def bounded_tags(tags: dict[str, str]) -> dict[str, str]:
    """Answer all tags of one thing where they are not too much: each change records them all."""
    size = sum(len(name) + len(value) for name, value in _few(tags, "tags").items())
    if size > MAX_TAGS:
        msg = f"the tags have {size} characters in all; at most {MAX_TAGS} are kept"
        raise Invalid(msg)
    return tags


def _tag(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return dumps(check(value, f"the tag {name}"))
    return check_text(value, f"the tag {name}", MAX_TAG)


def _dataset(given: DatasetInput) -> Dataset:
    if isinstance(given, str):
        given = {"name": given}
    if isinstance(given, Dataset):
        given = {"name": given.name, "digest": given.digest, "uri": given.uri}
    unknown = sorted(set(given) - {"name", "digest", "uri"})
    if unknown or not given.get("name"):
        msg = f"a data set has a name, and perhaps a digest and a uri; not {unknown or given!r}"
        raise Invalid(msg)
    texts = {key: check_text(value, f"a data set's {key}", 1024)
             for key, value in given.items() if value is not None}  # fmt: skip
    return Dataset(texts["name"], texts.get("digest"), texts.get("uri"))


def _few(given: SizedT, what: str) -> SizedT:
    if len(given) > MAX_ITEMS:
        msg = f"{len(given)} {what} are too many for one version; at most {MAX_ITEMS} are kept"
        raise Invalid(msg)
    return given
