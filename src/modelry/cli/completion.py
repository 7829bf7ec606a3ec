"""Shell completion from the registry: quick, silent, and never making a registry."""

from __future__ import annotations

import contextlib
from pathlib import Path

import typer

from modelry.cli.session import Session

_MOST = 100


def complete_model(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the names of models."""
    return [name for name in _models(ctx) if name.startswith(incomplete)]


def complete_ref(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer models, and after `:` or `@` what they hold."""
    marks = [mark for mark in ":@" if mark in incomplete]
    if not marks:
        return complete_model(ctx, incomplete)
    name = incomplete.partition(marks[0])[0]
    return [each for each in _refs(ctx, name, marks[0]) if each.startswith(incomplete)]


def complete_stage(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the stages of the default project."""
    session = _session(ctx)
    with contextlib.suppress(Exception):
        if _exists(session):
            with session.registry() as registry:
                stages = registry.stages().stages
                return [each.name for each in stages if each.name.startswith(incomplete)]
    return []


def _models(ctx: typer.Context) -> list[str]:
    session = _session(ctx)
    with contextlib.suppress(Exception):
        if _exists(session):
            with session.registry() as registry:
                return [each.model.full_name for each in registry.models(limit=1000)]
    return []


def _refs(ctx: typer.Context, name: str, mark: str) -> list[str]:
    session = _session(ctx)
    with contextlib.suppress(Exception):
        if _exists(session):
            with session.registry() as registry:
                if mark == "@":
                    names = [each.name for each in registry.model(name).pointers]
                    return [f"{name}@{each}" for each in [*names, "latest"]]
                return [f"{name}:{each.version}" for each in registry.versions(name, limit=_MOST)]
    return []


def _session(ctx: typer.Context) -> Session:
    """Answer the session; while completing no command has run, so the option is read here."""
    root = ctx
    while root.parent is not None:
        root = root.parent  # type: ignore[assignment]  # a context's parent is one
    uri = root.params.get("uri")
    return Session(uri=uri if isinstance(uri, str) else None)


def _exists(session: Session) -> bool:
    """Say whether there is a registry to ask: completion makes none, and waits for no server."""
    from modelry.settings import Settings

    settings = Settings()
    uri = session.uri or settings.uri
    if uri is None:
        return (settings.home.expanduser() / "registry.db").exists()
    if uri.startswith(("http://", "https://")):
        return False
    if uri.startswith("sqlite:///"):
        return Path(uri.removeprefix("sqlite:///")).expanduser().exists()
    return True
