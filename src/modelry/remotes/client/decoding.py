"""The answers of a server as the nouns of the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from modelry.core.documents import event_from, iso, time_or_none, token_from
from modelry.core.events import Problem
from modelry.core.lifecycle import Lifecycle, lifecycle_from_json
from modelry.core.model import Environment, Page, micros
from modelry.core.verbs.audit import Audit
from modelry.core.verbs.export import Carried
from modelry.core.verbs.look import History, Verification
from modelry.core.verbs.remove import Collected
from modelry.core.verbs.tokens import NewToken

T = TypeVar("T")
Document = Mapping[str, Any]


def page_from(document: Document, read: Callable[[Document], T]) -> Page[T]:
    """Read a page of anything."""
    return Page(tuple(read(each) for each in document["items"]), document["next"])


def history_from(document: Document) -> History:
    """Read a history."""
    return History(
        tuple(event_from(each) for each in document["items"]),
        document.get("pointers") or {},
        time_or_none(document.get("as_of")),
        document["next"],
    )


def lifecycle_from(document: Document) -> Lifecycle:
    """Read the stages of a project."""
    return lifecycle_from_json(document["stages"])


def environment_from(document: Document) -> Environment:
    """Read an environment."""
    return Environment(document["python"], document["platform"], document["packages"])


def collected_from(document: Document) -> Collected:
    """Read what was freed."""
    return Collected(document["blobs"], document["bytes"])


def verification_from(document: Document) -> Verification:
    """Read what a verification of bytes found."""
    return Verification(document["blobs"], document["bytes"], _problems(document))


def audit_from(document: Document) -> Audit:
    """Read what an audit found."""
    return Audit(document["chains"], document["events"], _problems(document))


def carried_from(document: Document) -> Carried:
    """Read what was carried."""
    return Carried(
        document["models"], document["versions"], document["events"],
        document["blobs"], document["bytes"],
    )  # fmt: skip


def new_token_from(document: Document) -> NewToken:
    """Read a token with its secret."""
    return NewToken(token_from(document), document["secret"])


def _problems(document: Document) -> tuple[Problem, ...]:
    return tuple(Problem(each["where"], each["what"]) for each in document["problems"])


def time_text(when: datetime | None) -> str | None:
    """Write a time for a query; a naive one is taken as UTC."""
    return None if when is None else iso(micros(when))
