"""What may be logged: names, lengths, how much at once.

The rules and their words are MLflow's, whose clients look for them.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping, Sequence

from modelry.core.errors import Invalid
from modelry.core.strict_json import MAX_INTEGER, check
from modelry.core.tracking.model import Point, UsedDataset

MAX_METRICS = 1000
MAX_PARAMS = 100
MAX_TAGS = 100
MAX_BATCH = 1000
MAX_KEY = 250
MAX_PARAM = 6000
MAX_TAG = 8000
MAX_EXPERIMENT_TAG = 20_000
MAX_NAME = 500
MAX_DIGEST = 36
MAX_SOURCE = 65_535
MAX_SCHEMA = 1_048_575
MAX_PROFILE = 16_777_215
MAX_INPUT_TAG = 500

_NAME = re.compile(r"[/\w.\- :]*")
_CHARACTERS = (
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), "
    "colon(:) and slashes (/)."
)


def check_name(name: str, path: str) -> str:
    """Answer a name of a metric, a parameter or a tag. Raises `Invalid`, calling it `path`."""
    normal = posixpath.normpath(name)
    if not name:
        raise wrong(path, name, "A key name must be provided.")
    if not _NAME.fullmatch(name):
        raise wrong(path, name, _CHARACTERS)
    if normal != name or normal == "." or normal.startswith(("..", "/")):
        raise wrong(
            path,
            name,
            "Names may be treated as files in certain cases, and must not resolve to other names "
            f"when treated as such. This name would resolve to {normal!r}",
        )
    return name


def wrong(path: str, value: object, why: str) -> Invalid:
    """Say that a value cannot be what it is."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    msg = f"Invalid value {text[:MAX_KEY]} for parameter '{path}' supplied: {why}"
    return Invalid(msg, field=path)


def check_length(what: str, limit: int, text: str) -> str:
    """Answer a text of at most `limit` characters that every store can hold."""
    if len(text) > limit:
        msg = f"'{what}' exceeds the maximum length of {limit} characters"
        raise Invalid(msg, field=what)
    check(text, what)
    return text


def check_tags(tags: Mapping[str, str], limit: int = MAX_TAG, *, few: bool = False) -> None:
    """Refuse tags that cannot be kept; with `few` as if they came alone."""
    for at, (key, value) in enumerate(tags.items()):
        path = "" if few else f"tags[{at}]."
        check_name(key, f"{path}key")
        check_length(f"{path}key", MAX_KEY, key)
        check_length(f"{path}value", limit, value)


def check_params(params: Sequence[tuple[str, str]], *, few: bool = False) -> dict[str, str]:
    """Answer parameters by name. Raises `Invalid`, also where one is given twice."""
    seen: dict[str, str] = {}
    twice: list[str] = []
    for at, (key, value) in enumerate(params):
        check_name(key, "key" if few else f"params[{at}].key")
        check_length("Param key", MAX_KEY, key)
        check_length("Param value", MAX_PARAM, value)
        twice += [key] if key in seen else []
        seen[key] = value
    if twice:
        msg = (
            f"Duplicate parameter keys have been submitted: {twice}. Please ensure the request "
            "contains only one param value per param key."
        )
        raise Invalid(msg)
    return seen


def check_points(points: Sequence[Point]) -> None:
    """Refuse measurements that cannot be kept."""
    for at, point in enumerate(points):
        path = "" if len(points) == 1 else f"metrics[{at}]."
        check_name(point.key, f"{path}name")
        check_length("Metric name", MAX_KEY, point.key)
        said = f"metric '{point.key}' (value={point.value})."
        if not 0 <= point.timestamp <= MAX_INTEGER:
            why = f"{said} Timestamp must be a nonnegative long (64-bit integer) "
            msg = f"{path}timestamp"
            raise wrong(msg, point.timestamp, why)
        if abs(point.step) > MAX_INTEGER:
            why = f"{said} Step must be a valid long (64-bit integer)."
            msg = f"{path}step"
            raise wrong(msg, point.step, why)
        for what, text in (("model_id", point.model), ("dataset_name", point.dataset),
                           ("dataset_digest", point.digest)):  # fmt: skip
            check_length(f"{path}{what}", MAX_NAME, text or "")


def check_batch(metrics: int, params: int, tags: int) -> None:
    """Refuse more than is kept at once."""
    _few("metrics", MAX_METRICS, metrics)
    _few("params", MAX_PARAMS, params)
    _few("tags", MAX_TAGS, tags)
    _few("metrics, params, and tags", MAX_BATCH, metrics + params + tags)


def _few(what: str, limit: int, count: int) -> None:
    if count > limit:
        msg = (
            f"A batch logging request can contain at most {limit} {what}. Got {count} {what}. "
            f"Please split up {what} across multiple requests and try again."
        )
        raise Invalid(msg)


def check_datasets(datasets: Sequence[UsedDataset]) -> None:
    """Refuse data sets that cannot be kept."""
    _few("datasets", MAX_BATCH, len(datasets))
    for each in datasets:
        if not each.name or not each.digest:
            msg = f"Dataset {'name' if not each.name else 'digest'} cannot be empty."
            raise Invalid(msg)
        check_length("name", MAX_NAME, each.name)
        check_length("digest", MAX_DIGEST, each.digest)
        check_length("source_type", MAX_NAME, each.source_type)
        check_length("source", MAX_SOURCE, each.source)
        check_length("schema", MAX_SCHEMA, each.schema or "")
        check_length("profile", MAX_PROFILE, each.profile or "")
        for key, value in each.tags.items():
            check_length("key", MAX_INPUT_TAG, key)
            check_length("value", MAX_INPUT_TAG, value)


def check_experiment_name(name: str) -> str:
    """Answer the name of an experiment."""
    if not name:
        msg = f"Invalid experiment name: '{name}'"
        raise Invalid(msg, field="name")
    return check_length("name", MAX_NAME, name)


def check_model_name(name: str) -> str:
    """Answer the name of a logged model: it is a part of addresses."""
    if not name or any(each in name for each in "/:.%\"'"):
        msg = (
            f"Invalid model name ('{name}') provided. Model name must be a non-empty string and "
            "cannot contain the following characters: ('/', ':', '.', '%', '\"', \"'\")"
        )
        raise Invalid(msg, field="name")
    return check_length("name", MAX_NAME, name)
