"""What people type for metrics, parameters, tags, data sets and durations."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from modelry.core.model import Dataset
    from modelry.core.strict_json import Json

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*([smhd]?)", re.ASCII)
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,3})?)\s*(?:([kmgt]?)(i?)b?)", re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}

T = TypeVar("T")


def metrics(given: Iterable[str]) -> dict[str, float]:
    """Read `name=number` of `--metric`."""
    return _pairs(given, "--metric", _metric)


def params(given: Iterable[str]) -> dict[str, Json]:
    """Read `name=value` of `--param`: JSON where it is JSON, else text."""
    return _pairs(given, "--param", lambda _, text: _param(text))


def tags(given: Iterable[str], option: str = "--tag", *, bare: bool = True) -> dict[str, str]:
    """Read `name=value`, or `name` alone where `bare` ones are wanted."""
    spelled = [text if "=" in text or not bare else f"{text}=" for text in given]
    return _pairs(spelled, option, lambda _, text: text)


def datasets(given: Iterable[str]) -> list[str | Dataset]:
    """Read `--dataset`: a name, a path, `name=path`, `name=sha256:...` or `name=uri`."""
    return [_dataset(text) for text in given]


def seconds(text: str) -> float:
    """Read a duration: `3600`, `90s`, `30m`, `1h`, `7d`."""
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        msg = f"{text!r} is not a duration; write seconds (3600), or 90s, 30m, 1h, 7d"
        raise typer.BadParameter(msg)
    return float(match[1]) * _SECONDS[match[2]]


def size(text: str) -> int:
    """Read a number of bytes: `1000000`, `500MB`, `1.5GB`, `512MiB`."""
    match = _SIZE.fullmatch(text.strip().lower())
    if match is None:
        msg = f"{text!r} is not a size; write bytes (1000000), or 500MB, 10GB, 512MiB"
        raise typer.BadParameter(msg)
    power = " kmgt".index(match[2] or " ")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** power)


def _pairs(given: Iterable[str], option: str, read: Callable[[str, str], T]) -> dict[str, T]:
    found: dict[str, T] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            msg = f"{text!r} has no value; write name=value"
            raise typer.BadParameter(msg, param_hint=option)
        key = name.strip()
        if key in found:
            msg = f"{key!r} is given twice; decide which value holds"
            raise typer.BadParameter(msg, param_hint=option)
        found[key] = read(key, value)
    return found


def _metric(name: str, text: str) -> float:
    text = text.strip()
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    msg = f"the metric {name} is {text!r}, and a metric is a finite number such as 0.91"
    raise typer.BadParameter(msg, param_hint="--metric")


def _param(text: str) -> Json:
    from modelry.core.errors import Invalid
    from modelry.core.strict_json import loads

    try:
        return loads(text.encode(), "the parameter")
    except (Invalid, UnicodeEncodeError):
        return text


def _dataset(text: str) -> str | Dataset:
    name, equals, place = text.partition("=")
    if not equals or "://" in name:
        return text
    from pathlib import Path

    from modelry.core.model import Dataset

    if Path(text).exists():
        return text
    if place.startswith("sha256:"):
        return Dataset(name, digest=place)
    if ":" not in place and not Path(place).exists():
        msg = f"{text!r}: write a name, a local path, name=path, name=sha256:... or name=uri"
        raise typer.BadParameter(msg, param_hint="--dataset")
    return Dataset(name, uri=place)
