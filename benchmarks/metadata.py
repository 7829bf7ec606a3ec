"""What a small change and a look-up cost, against bare sqlite3 doing the same.

python benchmarks/metadata.py [--rounds 200] [--in FOLDER] [--json]

The bare registration inserts the very rows of a registration into the same
tables with the same indexes, in one transaction as durable as ours, and writes
one blob with its two fsyncs. The bare look-up runs the same statement.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measure import Row, options, race, show
from sqlalchemy.dialects import sqlite as dialect

import modelry
from modelry.core.names import Selector, parse_ref
from modelry.core.repository import RegistryRepository
from modelry.stores.sql.driver import journal
from modelry.stores.sql.view import select_version, version_parameters

MODEL = "credit-risk"
OF_A_VERSION = ("versions", "metrics", "attributes", "holdings", "version_words")
REFS: dict[Selector, str] = {
    "pointer": f"{MODEL}@production",
    "number": f"{MODEL}:3",
    "label": f"{MODEL}:1.2.0",
    "latest": f"{MODEL}@latest",
}


def main() -> None:
    """Measure both and print the ratios."""
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--in", dest="place", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modelry-metadata-", dir=given.place) as folder:
        rows = [*registering(Path(folder), given.rounds), *resolving(Path(folder), given.rounds)]
    show(rows, as_json=given.json)


@contextmanager
def registry_in(folder: Path) -> Iterator[RegistryRepository]:
    """Open a registry of its own."""
    os.environ["MODELRY_HOME"] = str(folder)
    with modelry.connect(f"sqlite:///{folder / 'registry.db'}") as registry:
        yield registry


@dataclass
class Source:
    """A small file that is never the same twice, registered with the usual metadata."""

    path: Path
    count: int = 0

    def register(self, registry: RegistryRepository) -> object:
        """Register other bytes than before."""
        self.count += 1
        self.path.write_bytes(self.bytes())
        return registry.register(
            MODEL,
            self.path,
            version=f"1.{self.count}.0",
            metrics={"auc": 0.9 + self.count / 10_000, "log_loss": 0.31, "latency_ms": 4.2},
            params={"C": 1.0, "depth": 6, "kernel": "rbf"},
            tags={"team": "risk", "country": "nl"},
            datasets=[{"name": "loans", "digest": "sha256:" + "0" * 64}],
            description="A small version of the usual kind.",
        )

    def bytes(self) -> bytes:
        """Answer 1 KiB that begins with the count."""
        return self.count.to_bytes(8, "big") + bytes(1016)


def registering(folder: Path, rounds: int) -> Iterator[Row]:
    """Compare registering with inserting the same rows and writing one blob."""
    samples = folder / "samples"
    with registry_in(samples) as registry:
        source = Source(folder / "sample.bin")
        for _ in range(rounds + 1):
            source.register(registry)
    (folder / "bare").mkdir()
    bare = Bare(folder / "bare", samples / "registry.db")
    with registry_in(folder / "ours") as registry:
        source = Source(folder / "ours.bin")
        source.register(registry)
        took = race(
            {"bare": bare.register, "ours": lambda: source.register(registry)},
            rounds,
        )
        note = f"{bare.rows} rows in {bare.tables} tables; bare {took['bare'] * 1000:.2f} ms"
        yield Row("register / bare transaction and blob", took["ours"] / took["bare"], 4, note=note)
        yield from _in_checkout(folder, registry, took["bare"])


def _in_checkout(folder: Path, registry: RegistryRepository, bare: float) -> Iterator[Row]:
    """Tell what asking git adds where the file lies in a checkout."""
    checkout = folder / "checkout"
    checkout.mkdir()
    git = ["git", "-C", str(checkout), "-c", "user.name=b", "-c", "user.email=b@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "begin"], check=True)
    source = Source(checkout / "ours.bin", count=1_000_000)
    took = race({"ours": lambda: source.register(registry)}, 20)["ours"]
    note = f"{took * 1000:.1f} ms: git is asked for the commit"
    yield Row("the same in a git checkout", took / bare, None, note=note)


class Bare:
    """Inserts the rows of one registration after the other, taken from a real registry."""

    def __init__(self, folder: Path, samples: Path) -> None:
        self._folder = folder
        self._connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
        mode = journal(sqlite3.sqlite_version_info)
        self._connection.execute(f"PRAGMA journal_mode = {mode}")
        self._connection.execute("PRAGMA synchronous = EXTRA")
        self._connection.execute("PRAGMA foreign_keys = ON")
        with sqlite3.connect(samples) as source:
            self._copy_beginning(source)
            self._changes = [_rows_of(source, number) for number in _numbers(source)]
        source.close()
        self._insert(self._changes[0])
        self._next = 1
        self.rows = sum(len(rows) for _, rows in self._changes[1])
        self.tables = len(self._changes[1])

    def _copy_beginning(self, source: sqlite3.Connection) -> None:
        """Make the same tables and indexes, and the rows that were there before."""
        made = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC"
        for (text,) in source.execute(made):
            self._connection.execute(text)
        for table in ("projects", "registered_models", "model_words", "environments", "heads"):
            rows = source.execute(f"SELECT * FROM {table}").fetchall()
            self._connection.executemany(_insert_into(table, rows), rows)

    def _insert(self, change: Sequence[tuple[str, list[tuple[object, ...]]]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for text, rows in change:
            self._connection.executemany(text, rows)
        self._connection.execute("COMMIT")

    def register(self) -> None:
        """Write one blob durably, then the rows of the next registration."""
        self._write_blob(self._next.to_bytes(8, "big") + bytes(1016))
        self._insert(self._changes[self._next])
        self._next += 1

    def _write_blob(self, data: bytes) -> None:
        aside = self._folder / "blob.part"
        with aside.open("wb") as writing:
            writing.write(data)
            writing.flush()
            os.fsync(writing.fileno())
        aside.rename(self._folder / f"blob-{self._next}")
        descriptor = os.open(self._folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def _numbers(source: sqlite3.Connection) -> list[int]:
    return [row[0] for row in source.execute("SELECT id FROM versions ORDER BY id")]


def _rows_of(
    source: sqlite3.Connection, version: int
) -> list[tuple[str, list[tuple[object, ...]]]]:
    """Answer an insert and its rows for each table that registering a version adds to."""
    found: list[tuple[str, list[tuple[object, ...]]]] = []
    for table in (*OF_A_VERSION, "events", "touched"):
        key = {"versions": "id", "events": "number", "touched": "number"}.get(table, "version_id")
        rows = source.execute(f"SELECT * FROM {table} WHERE {key} = ?", (version,)).fetchall()
        found.append((_insert_into(table, rows), rows))
    return found


def _insert_into(table: str, rows: Sequence[tuple[object, ...]]) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})"


def resolving(folder: Path, rounds: int) -> Iterator[Row]:
    """Compare resolving each kind of ref with its statement, prepared, in bare sqlite3."""
    home = folder / "resolve"
    with registry_in(home) as registry:
        source = Source(folder / "resolve.bin")
        for _ in range(20):
            source.register(registry)
        registry.promote(f"{MODEL}:3", "production")
        connection = sqlite3.connect(home / "registry.db", isolation_level=None)
        for selector, ref in REFS.items():
            runs = {
                "bare": _bare_query(connection, selector, ref),
                "ours": lambda ref=ref: registry.resolve(ref),  # type: ignore[misc]  # a default
            }
            took = race(runs, rounds, calls=50)
            note = f"{took['ours'] * 1e6:.0f} us, bare {took['bare'] * 1e6:.0f} us"
            what = f"resolve {ref} / bare query"
            yield Row(what, took["ours"] / took["bare"], 8, note=note)
        connection.close()


def _bare_query(
    connection: sqlite3.Connection, selector: Selector, ref: str
) -> Callable[[], object]:
    compiled = select_version(selector).compile(
        dialect=dialect.dialect(paramstyle="qmark"), compile_kwargs={"render_postcompile": True}
    )
    text = str(compiled)
    given = compiled.params | version_parameters(parse_ref(ref))
    values = [given[name] for name in compiled.positiontup or ()]
    if connection.execute(text, values).fetchone() is None:
        raise LookupError(ref)
    return lambda: connection.execute(text, values).fetchone()


if __name__ == "__main__":
    main()
