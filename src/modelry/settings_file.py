"""The file of settings: `$MODELRY_CONFIG`, and `modelry.toml` in the home folder.

Keys are the names of settings, those of an inference service in the table
`infer`. The file in the working folder is not read:
whoever wrote it could send a token to a registry of theirs.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelry.core.errors import Invalid, NotFound

CONFIG = "MODELRY_CONFIG"
HOME = "MODELRY_HOME"
NAME = "modelry.toml"
DEFAULT_HOME = "~/.modelry"
_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What a file says, and in which line each key stands."""

    path: Path
    values: Mapping[str, Any]
    lines: Mapping[str, int]

    def place(self, key: str) -> str:
        """Answer where a key stands: `modelry.toml:3`."""
        return f"{self.path}:{self.lines.get(key, 1)}"


def settings_files(known: Collection[str]) -> list[SettingsFile]:
    """Read the files there are, the one that goes before the other first.

    Raises `NotFound` where `$MODELRY_CONFIG` names no file, `Invalid` with the
    place of what is no TOML or no setting.
    """
    named = os.environ.get(CONFIG)
    found = [_read(Path(named).expanduser(), known)] if named else []
    home = os.environ.get(HOME) or next((str(each.values["home"]) for each in found
                                         if "home" in each.values), DEFAULT_HOME)  # fmt: skip
    beside = Path(home).expanduser() / NAME
    if not beside.is_file() or any(beside.samefile(each.path) for each in found):
        return found
    file = _read(beside, known)
    if "home" in file.values:
        msg = f"{file.place('home')}: home cannot be set here, as this file is found by it"
        raise Invalid(msg, key="home")
    return [*found, file]


def _read(path: Path, known: Collection[str]) -> SettingsFile:
    import tomllib

    try:
        if path.stat().st_size > _MAX_BYTES:
            msg = f"{path} is too large for a file of settings; at most {_MAX_BYTES} bytes are read"
            raise Invalid(msg, path=str(path))
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError) as error:
        msg = f"there is no file {path}, which ${CONFIG} names"
        raise NotFound(msg, path=str(path)) from error
    except tomllib.TOMLDecodeError as error:
        msg = f"{path}: this is no TOML: {error}"
        raise Invalid(msg, path=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read as text in UTF-8: {type(error).__name__}"
        raise Invalid(msg, path=str(path)) from None
    tables = {name.partition(".")[0] for name in known if "." in name}
    flat = dict(_flat(values, tables))
    file = SettingsFile(path, flat, {key: _line(text, key) for key in flat})
    for key in flat:
        if key not in known:
            raise _unknown(file, key, known)
    return file


def _flat(values: Mapping[str, Any], tables: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Name what is in a table of ours `table.key`, and everything else as it is."""
    for key, value in values.items():
        if key in tables and isinstance(value, dict):
            yield from ((f"{key}.{inner}", each) for inner, each in value.items())
        else:
            yield key, value


def _line(text: str, key: str) -> int:
    """Answer the line in which a key stands; of one in a table, after the head of the table."""
    lines = text.splitlines()
    table, dot, inner = key.rpartition(".")
    start = _first(lines, table, 0) if dot else 0
    return _first(lines, inner, start or 0) or start or 1


def _first(lines: list[str], key: str, after: int) -> int | None:
    begins = re.compile(rf"\s*\[?\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    found = (at for at, line in enumerate(lines, 1) if at > after and begins.match(line))
    return next(found, None)


def _unknown(file: SettingsFile, key: str, known: Collection[str]) -> Invalid:
    near = difflib.get_close_matches(key.lower().removeprefix("modelry_"), known, 1, 0.5)
    meant = f"; is it {near[0]}?" if near else "; docs/settings.md lists them"
    msg = f"{file.place(key)}: there is no setting {key!r}{meant}"
    return Invalid(msg, key=key)
