"""The end of the story: the history, what was live when, and what to try next."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from digits import MODEL
from pages import Pages, shell

import modelry
from modelry.core.events import Event

NEXT = (
    f"modelry show {MODEL}@production",
    f"modelry history {MODEL}",
    f"modelry compare {MODEL}:1 {MODEL}:2 {MODEL}:3",
    "modelry search 'metrics.accuracy >= 0.97 order by metrics.latency_ms'",
    f'modelry use {MODEL}@staging --to "$MODELRY_HOME/candidate"',
    f"modelry promote {MODEL}@staging production --comment 'new pens have arrived'",
    f"modelry rollback {MODEL}",
    "modelry verify",
)


def look_back(pages: Pages, registry: modelry.RegistryRepository, live: datetime) -> None:
    """Print the history, ask what was live at a moment, and verify the records."""
    pages.section("The history", "Who did what, when and why; nothing in it can be edited unseen.")
    history = registry.history(MODEL)
    labels = {version.number: version.version for version in registry.versions(MODEL)}
    pages.table(
        ["#", "time (UTC)", "who", "what", "why"],
        [_line(event, labels) for event in reversed(history.events)],
        left=5,
    )
    pages.command(f"modelry history {MODEL}")
    then = registry.history(MODEL, as_of=live).pointers["production"]
    now = registry.history(MODEL).pointers["production"]
    pages.good(f"at {live:%H:%M:%S.%f} production was {labels[then]}, now it is {labels[now]}")
    audit = registry.audit()
    if audit.problems:
        pages.bad(str(audit.problems[0]))
        sys.exit(1)
    pages.good(f"{audit.events} chained records verified, no problem found")


def _line(event: Event, labels: dict[int, str]) -> list[str]:
    verbs = {
        "version.registered": "registered",
        "version.promoted": f"to {event.body.get('to')}",
        "stage.rolled_back": "[yellow]rolled back to[/]",
    }
    what = f"{labels.get(event.number or 0, '')} {verbs.get(event.kind, event.kind)}"
    if event.kind == "stage.rolled_back":
        what = f"{verbs[event.kind]} {labels.get(event.number or 0, '')}"
    return [str(event.seq), f"{event.happened_at:%H:%M:%S}", event.actor, what, event.comment]


def what_next(pages: Pages, home: Path) -> None:
    """Print commands that go on from here."""
    pages.section("Your turn", "This registry stays until the next run. Paste:")
    folder = Path(sys.executable).parent
    pages.paste(f'export MODELRY_HOME="{shell(home)}" PATH="{shell(folder)}:$PATH"')
    for line in NEXT:
        pages.paste(line)
