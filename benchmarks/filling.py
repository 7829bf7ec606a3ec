"""Registries of any size, filled fast: through the store's own unit, without files behind them.

The versions go in by `Unit.add_version`, so that they are what registering
makes them. Events of a long history are chained by the core and inserted in
bulk. Nothing is as slow here as registering is, because each transaction
holds a whole model.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from sqlalchemy import create_engine, insert, update

from modelry.core.events import Event, EventKind, Head, follow
from modelry.core.model import Dataset, File, Findings, Model, Version
from modelry.core.ports import Store, Unit
from modelry.core.replay import apply
from modelry.core.sealing import digest_of, document, sha256_of
from modelry.stores.sql import SqliteStore
from modelry.stores.sql.tables import events, heads

ENVIRONMENT = '{"packages":{},"platform":"benchmark","python":"3.11"}'
SECOND = 1_000_000
START = 1_700_000_000 * SECOND
ADJECTIVES = ("amber", "brisk", "calm", "dusty", "eager", "faint", "green", "happy")


def fill(path: Path, models: int, versions: int) -> None:
    """Make a registry of `models` x `versions` in a file of SQLite."""
    store = SqliteStore(path)
    fill_store(store, models, versions)
    store.close()


def fill_store(store: Store, models: int, versions: int) -> None:
    """Put `models` x `versions` into a store; the AUCs are spread evenly from 0 to 1."""
    seed = random.Random(models)
    ranks = list(range(models * versions))
    seed.shuffle(ranks)
    for at in range(models):
        aucs = [rank / len(ranks) for rank in ranks[at * versions : (at + 1) * versions]]
        store.change(lambda unit, at=at, aucs=aucs: _fill_model(unit, at, aucs))  # type: ignore[misc]  # one argument


def model_name(at: int) -> str:
    """Name the model at position `at`."""
    return f"model-{at:04d}"


def _fill_model(unit: Unit, at: int, aucs: list[float]) -> None:
    unit.add_environment(sha256_of(ENVIRONMENT), ENVIRONMENT)
    name = model_name(at)
    model = unit.add_model(
        Model(id=0, project="default", name=name, description="", tags={}, last_number=0,
              author="bench", created=START, updated=START)
    )  # fmt: skip
    chain, head = f"default/{name}", None
    for number, auc in enumerate(aucs, start=1):
        version = unit.add_version(model, _version(name, at, number, auc))
        body = {"version": version.version, "digest": version.digest, "stage": "none",
                "sealed": sha256_of(document(version)), "tags": dict(version.tags),
                "description": version.description}  # fmt: skip
        head = _append(unit, _event(head, chain, EventKind.REGISTERED, number, body))
        unit.stamp(model, {number}, head.at)
    model = replace(model, last_number=len(aucs))
    seq = (head.seq if head else 0) + 1
    promotion = {"from": "none", "to": "production", "comment": "",
                 "stages": [[len(aucs), "none", "production"]],
                 "moves": [["production", "stage", len(aucs), seq, None]]}  # fmt: skip
    promoted = _event(head, chain, EventKind.PROMOTED, len(aucs), promotion)
    _append(unit, promoted)
    apply(unit, model, promoted)


def _append(unit: Unit, event: Event) -> Head:
    unit.append(event)
    return Head(event.chain, event.seq, event.hash, event.at)


def _event(
    head: Head | None, chain: str, kind: EventKind, number: int | None, body: Mapping[str, object]
) -> Event:
    now = head.at + SECOND if head else START
    return follow(head, chain, kind, actor="bench", now=now, number=number, body=body)  # type: ignore[arg-type]  # plain JSON


def _version(name: str, at: int, number: int, auc: float) -> Version:
    sha256 = hashlib.sha256(f"{name}:{number}".encode()).hexdigest()
    files = (File("model.onnx", sha256, 1024),)
    rare = " needle" if (at, number) in {(0, 1), (1, 2), (2, 3)} else ""
    return Version(
        id=0, project="default", name=name, number=number, version=f"1.{number}.0", stage="none",
        aliases=(), digest=digest_of(files), kind="file", files=files, size=1024,
        metrics={"auc": auc, "log_loss": 1 - auc, "latency_ms": 1 + number / 10},
        params={"depth": number % 12, "kernel": "rbf"},
        tags={"team": "risk" if number % 2 else "growth"}, datasets=(Dataset("loans"),),
        description=f"A {ADJECTIVES[number % 8]} model for loans{rare}.",
        findings=Findings(format="onnx", framework="scikit-learn"), source="/bench/model.onnx",
        run_id=None, base=None, commit=None, environment=sha256_of(ENVIRONMENT), author="bench",
        created=START + (at * 1000 + number) * SECOND,
    )  # fmt: skip


def lengthen(path: Path, lengths: dict[int, int]) -> None:
    """Give each model of `lengths` a history of that many events, chained and in order."""
    store = SqliteStore(path)
    with store.read() as view:
        found = {head.chain: head for head in view.heads()}
    store.close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        for at, length in lengths.items():
            chain = f"default/{model_name(at)}"
            rows, head = _tags(found[chain], length)
            connection.execute(insert(events), rows)
            connection.execute(
                update(heads).where(heads.c.chain == chain),
                {"seq": head.seq, "hash": head.hash, "at": head.at},
            )
    engine.dispose()


def _tags(head: Head, length: int) -> tuple[list[dict[str, object]], Head]:
    """Make events that describe the model anew, up to the sequence number `length`."""
    rows = []
    for event in _chained(head, length):
        rows.append(
            {"chain": event.chain, "seq": event.seq, "kind": str(event.kind),
             "actor": event.actor, "at": event.at, "number": None,
             "body": '{"description":"","tags":{}}', "prev": event.prev, "hash": event.hash}
        )  # fmt: skip
        head = Head(event.chain, event.seq, event.hash, event.at)
    return rows, head


def _chained(head: Head, length: int) -> Iterator[Event]:
    for _ in range(head.seq, length):
        event = _event(
            head, head.chain, EventKind.MODEL_TAGGED, None, {"tags": {}, "description": ""}
        )
        head = Head(event.chain, event.seq, event.hash, event.at)
        yield event
