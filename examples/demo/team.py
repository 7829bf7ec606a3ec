"""The same registry for a team: a server, two people with two roles, and a log of it all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pages import Pages

import modelry
from modelry.core.errors import Denied
from modelry.core.events import Event
from modelry.testing.server import Served, served

MODEL = "digits"


def share(pages: Pages, folder: Path, model: Path) -> None:
    """Serve a registry; one person registers, another approves, and the log tells who was denied."""
    pages.section(
        "A team", "The same verbs over HTTP: Ana may register, Ben may also promote. Every change "
        "and every denial is in the log.",
    )  # fmt: skip
    pages.command("modelry serve")
    folder.mkdir()
    with _serving(folder) as server, _as(server, server.token) as admin:
        pages.good("a server answers, with SQLite and a folder; its first token is an admin's")
        tokens = {name: _welcome(admin, name, role) for name, role in
                  (("ana", "publisher"), ("ben", "approver"))}  # fmt: skip
        with _as(server, tokens["ana"]) as ana, _as(server, tokens["ben"]) as ben:
            version = ana.register(MODEL, model, version="3.0.0")
            pages.good(f"ana registered {version.ref}, {version.size:,} bytes sent and sealed")
            try:
                ana.promote(version.ref, "production")
            except Denied as refusal:
                pages.bad(refusal.message)
            ben.promote(version.ref, "production", comment="reviewed")
            brought = ben.use(f"{MODEL}@production")
            files = sorted(each.name for each in (
                brought.iterdir() if brought.is_dir() else [brought]))  # fmt: skip
            pages.good(f"ben promoted it, and got {', '.join(files)} from production, verified")
        pages.table(
            ["time (UTC)", "who", "what", "where"],
            [_line(event) for event in reversed(admin.log().items)],
            left=4,
        )
        pages.command("modelry log")


@contextmanager
def _serving(folder: Path) -> Iterator[Served]:
    uri, blobs = f"sqlite:///{folder / 'registry.db'}", (folder / "blobs").as_uri()
    with served(uri, blobs, MODELRY_HOME=str(folder), MODELRY_LOG="off") as server:
        yield server


@contextmanager
def _as(server: Served, token: str) -> Iterator[modelry.RegistryRepository]:
    """Open the server's registry as whoever holds a token."""
    before = os.environ.get("MODELRY_TOKEN")
    os.environ["MODELRY_TOKEN"] = token
    try:
        registry = modelry.connect(server.url)
    finally:
        if before is None:
            del os.environ["MODELRY_TOKEN"]
        else:
            os.environ["MODELRY_TOKEN"] = before
    with registry:
        yield registry


def _welcome(admin: modelry.RegistryRepository, name: str, role: str) -> str:
    admin.admin.create_account(name)
    admin.admin.set_member("default", name, role)
    return admin.admin.create_token(name, "demo").secret


def _line(event: Event) -> list[str]:
    what = str(event.kind)
    if event.kind == "change.denied":
        what = f"[red]{what}[/]: to {event.body['asked']}"
    where = event.chain.removeprefix("default/")
    return [f"{event.happened_at:%H:%M:%S}", event.actor, what, where]
