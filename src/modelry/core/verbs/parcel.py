"""What an archive says, checked before any of it is believed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from modelry.core.archive import MAX_RECORD, ArchiveReader
from modelry.core.draft import checked_metrics
from modelry.core.errors import Invalid
from modelry.core.events import Event, EventKind, Head, model_chain, verify_chain
from modelry.core.model import Version
from modelry.core.names import (
    check_label,
    check_model,
    check_path,
    check_project,
    check_text,
    refuse_twins,
)
from modelry.core.sealing import digest_of, document, open_document, sha256_of
from modelry.core.strict_json import Json, load_object
from modelry.core.verbs.access_parcel import check_access
from modelry.core.verbs.runs_parcel import Tracked, body_of, check_whole, take_record


@dataclass(slots=True)
class Parcel:
    """Everything an archive says, before any of it is believed."""

    projects: dict[str, Json]
    environments: dict[str, str]
    versions: dict[str, dict[int, Version]]
    events: dict[str, list[Event]]
    access: dict[tuple[str, str], Mapping[str, Json]]
    tracked: Tracked = field(default_factory=Tracked)


def read_parcel(reader: ArchiveReader) -> Parcel:
    """Read every record, and check each chain and each digest. Raises `Invalid`."""
    parcel = Parcel({}, {}, {}, {}, {})
    for each in reader.records():
        try:
            _take_record(parcel, each)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            msg = f"the archive holds a record that makes no sense ({error!r})"
            raise Invalid(msg) from error
    try:
        check_whole(parcel.tracked)
    except (KeyError, ValueError) as error:
        msg = f"the archive holds tracking that makes no sense ({error!r})"
        raise Invalid(msg) from error
    for chain, events in parcel.events.items():
        _refuse_broken(chain, events)
    for chain in parcel.versions.keys() - parcel.events.keys():
        msg = f"the archive holds versions of {chain} without their history"
        raise Invalid(msg)
    return parcel


def _take_record(parcel: Parcel, each: Mapping[str, Json]) -> None:
    kind = each["record"]
    if kind == "project":
        parcel.projects[check_project(str(each["name"]))] = each["stages"]
    elif kind == "environment":
        text = str(each["text"])
        parcel.environments[sha256_of(text)] = text
    elif kind == "version":
        version = _version(str(each["document"]))
        chain = model_chain(version.project, version.name)
        parcel.versions.setdefault(chain, {})[version.number] = version
    elif kind == "event":
        event = _event(each)
        parcel.events.setdefault(event.chain, []).append(event)
    elif kind == "tracking":
        take_record(parcel.tracked, each["kind"], body_of(each))
    elif kind == "access":
        _refuse_hidden(each)
        place = (str(each["kind"]), str(each["key"]))
        if place in parcel.access:
            msg = f"the {place[0]} {place[1]} stands in the archive twice"
            raise ValueError(msg)
        parcel.access[place] = check_access(*place, each["body"])
    else:
        msg = f"there is no record called {kind!r}"
        raise ValueError(msg)


def _version(text: str) -> Version:
    load_object(text.encode(), "a version of the archive", max_bytes=len(text) * 4)
    version = open_document(
        text, id=0, stage="", aliases=(), tags={}, description="", deleted=None, purged=None
    )
    check_project(version.project)
    check_model(version.name)
    check_label(version.version)
    for file in version.files:
        check_path(file.path)
    refuse_twins(file.path for file in version.files)
    checked_metrics(version.metrics)
    _refuse_hidden(json.loads(text))
    if digest_of(version.files) != version.digest or document(version) != text:
        msg = f"{version.ref} does not have the digest of its files"
        raise ValueError(msg)
    return version


def _refuse_hidden(value: Json) -> None:
    """Refuse text that a terminal or a page would show as something else."""
    if isinstance(value, str):
        check_text(value, "a text of the archive", MAX_RECORD)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_hidden(key)
            _refuse_hidden(item)
    elif isinstance(value, Sequence):
        for item in value:
            _refuse_hidden(item)


def _event(each: Mapping[str, Json]) -> Event:
    _refuse_hidden(each)
    body = each["body"]
    if not isinstance(body, dict):
        msg = "an event has no body"
        raise TypeError(msg)
    number = each["number"]
    return Event(
        str(each["chain"]), int(cast("int", each["seq"])), EventKind(str(each["kind"])),
        str(each["actor"]), int(cast("int", each["at"])),
        None if number is None else int(cast("int", number)),
        body, str(each["prev"]), str(each["hash"]),
    )  # fmt: skip


def _refuse_broken(chain: str, events: Sequence[Event]) -> None:
    last = events[-1]
    for problem in verify_chain(events, Head(chain, last.seq, last.hash, last.at)):
        msg = f"the archive was changed or damaged: {problem.where} {problem.what}"
        raise Invalid(msg, where=problem.where)
