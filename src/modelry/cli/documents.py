"""The JSON forms of the command line: those of the core, and what only a person's page adds."""

from __future__ import annotations

from modelry.core import documents
from modelry.core.documents import (
    Document,
    comparison_document,
    iso,
    lifecycle_document,
    model_document,
    problems_document,
    summary_document,
    version_document,
)
from modelry.core.events import Event
from modelry.core.model import Environment

__all__ = [
    "Document",
    "comparison_document",
    "environment_document",
    "event_document",
    "iso",
    "lifecycle_document",
    "model_document",
    "problems_document",
    "summary_document",
    "version_document",
]


def environment_document(
    digest: str, environment: Environment | None, *, packages: bool
) -> Document:
    """Answer an environment; its packages where they are wanted."""
    if environment is None:
        return {"digest": digest, "python": None, "platform": None, "package_count": None}
    document: Document = {
        "digest": digest,
        "python": environment.python,
        "platform": environment.platform,
        "package_count": len(environment.packages),
    }
    return {**document, "packages": dict(environment.packages)} if packages else document


def event_document(event: Event, sentence: str) -> Document:
    """Answer an event, with the sentence that a person reads."""
    return {**documents.event_document(event), "sentence": sentence}
