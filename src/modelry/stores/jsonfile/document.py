"""The text of a `registry.json`: written from a state, and read as what it claims."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from modelry.core.entries import FIELDS, OURS, Entry, Said, entry_of, said_of, shows, timestamp
from modelry.core.errors import Corrupt, Invalid
from modelry.core.model import Version, micros
from modelry.core.names import MAX_NUMBER, Ref, check_pointer, check_text, parse_model
from modelry.core.strict_json import Json, load_object
from modelry.stores.held import HeldView, State

EMPTY = b'{\n  "models": []\n}\n'
HAND = "a hand in the file"
"""Who did what was done with an editor."""

_MAX_BYTES = 1 << 30
_REPAIR = "repair it, or remove it to have it written again as it last was"
_MODELS = re.compile(r'"models"\s*:\s*\[')
_GAP = re.compile(r"[\s,]*")
_WHERE = re.compile(r"line (\d+) column (\d+)")


@dataclass(frozen=True, slots=True)
class Claim:
    """What an entry of the file says of a version; `index` is its place among the entries.

    What it does not say is None. `ours` is what the registry wrote beside.
    """

    index: int = field(compare=False)
    name: str = field(compare=False)
    ref: Ref
    path: str
    status: str | None
    created: int | None
    said: Said
    aliases: tuple[str, ...]
    ours: Mapping[str, Json]


class Writer:
    """Writes states as text; entries that did not change are not written anew."""

    def __init__(self) -> None:
        self._texts: dict[tuple[int, int], tuple[Version, str]] = {}

    def write(self, state: State) -> bytes:
        """Answer the text of `state`: every living version, as they were registered."""
        texts: dict[tuple[int, int], tuple[Version, str]] = {}
        for key, version in HeldView(state).standing():
            known = self._texts.get(key)
            texts[key] = known if known and _same(known[0], version) else (version, _text(version))
        self._texts = texts
        if not texts:
            return EMPTY
        entries = ",\n".join(text for _, text in texts.values())
        return f'{{\n  "models": [\n{entries}\n  ]\n}}\n'.encode()


def _same(one: Version, other: Version) -> bool:
    return one is other or one == other


def _text(version: Version) -> str:
    text = json.dumps(file_entry(version), indent=2, ensure_ascii=False, allow_nan=False)
    return "    " + text.replace("\n", "\n    ")


def file_entry(version: Version) -> Entry:
    """Answer the entry of a version with what the schema has no field for under `metadata`."""
    entry = entry_of(version)
    ours: Entry = {}
    if version.version != str(version.number):
        ours["label"] = version.version
    if version.aliases:
        ours["aliases"] = list(version.aliases)
    if version.files:
        ours |= {"digest": version.digest, "size": version.size}
    if version.author != HAND:
        ours["author"] = version.author
    ours |= {name: fact for name in ("run_id", "base") if (fact := getattr(version, name))}
    hidden = {key: value for key, value in version.params.items() if not shows(version, key)}
    if hidden:
        ours["params"] = hidden
    if ours:
        entry["metadata"] = {**cast("Entry", entry["metadata"]), OURS: ours}
    return entry


class Reader:
    """The text of one file, and where in it something stands."""

    def __init__(self, path: Path, data: bytes) -> None:
        self._path, self._data = path, data.removeprefix(BOM_UTF8)

    def claims(self) -> list[Claim]:
        """Answer what the entries say. Raises `Corrupt` naming line and column."""
        found: list[Claim] = []
        for index, entry in enumerate(self._entries()):
            try:
                found.append(claim_of(index, entry))
            except Invalid as error:
                raise self.broken(index, error.message) from error
        return found

    def _entries(self) -> list[Json]:
        try:
            document = load_object(self._data, "it", max_bytes=_MAX_BYTES)
        except Invalid as error:
            raise self._unreadable(error.message) from error
        models = document.get("models")
        if set(document) != {"models"} or not isinstance(models, list):
            raise self._at(1, 1, 'it is an object with the one key "models", a list')
        return models

    def broken(self, index: int, why: str) -> Corrupt:
        """Refuse the entry at `index`."""
        text = self._data.decode()
        return self._at(*_place(text, index), why)

    def _unreadable(self, why: str) -> Corrupt:
        found = _WHERE.search(why)
        if found:
            return self._at(int(found[1]), int(found[2]), why)
        text = self._data.decode(errors="replace")
        for index in range(text.count("{")):  # which entry is it that a plain parser reads?
            start = _offset(text, index)
            if start is None:
                break
            try:
                load_object(_whole(text, start).encode(), "it")
            except Invalid:
                return self._at(*_place(text, index), why)
        return self._at(1, 1, why)

    def _at(self, line: int, column: int, why: str) -> Corrupt:
        """Refuse what stands there. Why is a note: it shows what others may not be told."""
        name = self._path.name
        msg = f"{name}, line {line} column {column}, is not as it must be; {_REPAIR}"
        error = Corrupt(msg, file=name, line=line, column=column)
        error.add_note(why)
        return error


def _offset(text: str, index: int) -> int | None:
    """Answer where the entry at `index` begins, None where there are not so many."""
    found = _MODELS.search(text)
    if found is None:
        return None
    at = _skip(text, found.end())
    for _ in range(index):
        try:
            _, at = json.JSONDecoder().raw_decode(text, at)
        except ValueError:
            return None
        at = _skip(text, at)
    return None if text[at : at + 1] in {"", "]"} else at


def _skip(text: str, at: int) -> int:
    gap = _GAP.match(text, at)
    return gap.end() if gap else at


def _whole(text: str, start: int) -> str:
    _, end = json.JSONDecoder().raw_decode(text, start)
    return text[start:end]


def _place(text: str, index: int) -> tuple[int, int]:
    start = _offset(text, index) or 0
    return text.count("\n", 0, start) + 1, start - (text.rfind("\n", 0, start) + 1) + 1


def claim_of(index: int, entry: Json) -> Claim:
    """Read one entry. Raises `Invalid` naming what is wrong."""
    if not isinstance(entry, dict):
        msg = f"an entry is an object, not {entry!r}"
        raise Invalid(msg)
    given: dict[str, Any] = dict(entry)
    unknown = sorted(given.keys() - set(FIELDS))
    missing = [name for name in ("model_name", "version", "path") if name not in given]
    if unknown or missing:
        msg = f"an entry has the fields {', '.join(FIELDS)}; "
        raise Invalid(
            msg + (f"not {', '.join(unknown)}" if unknown else f"{missing[0]} is missing")
        )
    model = parse_model(check_text(given["model_name"], "the model_name"))
    metadata = given.get("metadata")
    ours = metadata.get(OURS, {}) if isinstance(metadata, dict) else {}
    if not isinstance(ours, dict):
        msg = f"{OURS!r} under metadata is the registry's own map"
        raise Invalid(msg)
    if isinstance(metadata, dict):
        metadata = {key: value for key, value in metadata.items() if key != OURS}
    return Claim(
        index,
        model.name,
        Ref(model.project, model.name.lower(), "number", "", _number(given["version"])),
        _path(given["path"]),
        _status(given.get("status")),
        _created(given.get("creation_timestamp")),
        said_of(metadata),
        _aliases(ours.get("aliases", [])),
        {key: value for key, value in ours.items() if key != "aliases"},
    )


def _number(number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < MAX_NUMBER:
        msg = f"a version is a whole number from 1 on, not {number!r}"
        raise Invalid(msg)
    return number


def _path(path: object) -> str:
    if not isinstance(path, str):
        msg = f"a path is text, not {path!r}"
        raise Invalid(msg)
    return path


def _status(status: object) -> str | None:
    return None if status is None else check_pointer(check_text(status, "the status"), "a status")


def _created(text: object) -> int | None:
    if text is None:
        return None
    try:
        return micros(datetime.fromisoformat(check_text(text, "the creation_timestamp")))
    except ValueError as error:
        msg = f"the creation_timestamp is {text!r}; write it as {timestamp(0)}"
        raise Invalid(msg) from error


def _aliases(names: object) -> tuple[str, ...]:
    if not isinstance(names, list):
        msg = f"aliases are a list of names, not {names!r}"
        raise Invalid(msg)
    return tuple(sorted(check_pointer(check_text(each, "an alias"), "an alias") for each in names))


def claimed(version: Version) -> Claim:
    """Answer what the file says of a version when this registry wrote it."""
    return claim_of(0, file_entry(version))
