"""Every setting as it counts now, and who says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from modelry.settings import FromFiles, InferSettings, ServerSettings, known_settings
from modelry.settings_file import SettingsFile, settings_files


@dataclass(frozen=True, slots=True)
class Told:
    """A setting, its value as JSON has it, and who says so.

    `place` is the variable, the file with the line, or the option; empty for a
    default. A secret is never in it.
    """

    name: str
    value: object
    source: Literal["default", "file", "environment", "flag"]
    place: str = ""


def told_settings(flags: Mapping[str, str]) -> list[Told]:
    """Answer every setting; `flags` are what the command was told, by option."""
    given: dict[str, Any] = dict(flags)
    files = settings_files(known_settings())
    server = _told(ServerSettings(**given), flags, files)
    return [*server, *_told(InferSettings(), {}, files)]


def _told(settings: FromFiles, flags: Mapping[str, str], files: list[SettingsFile]) -> list[Told]:
    return [
        Told(name, _plain(getattr(settings, key)), *_from(type(settings), name, key, flags, files))
        for name, key in settings.names().items()
    ]


def _from(
    kind: type[FromFiles],
    name: str,
    key: str,
    flags: Mapping[str, str],
    files: list[SettingsFile],
) -> tuple[Literal["default", "file", "environment", "flag"], str]:
    if key in flags:
        return "flag", f"--{key}"
    variable = kind.variable(key)
    if variable is not None:
        return "environment", variable
    file = next((each for each in files if name in each.values), None)
    return ("default", "") if file is None else ("file", file.place(name))


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value
