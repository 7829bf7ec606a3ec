"""A registry.json beside SQLite, by number of versions: when should a person change?

python benchmarks/jsonfile.py [--sizes 10 100 1000 10000] [--rounds 9] [--in FOLDER] [--json]
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from measure import Row, options, race, show

from modelry.core.entry_book import EntryBook
from modelry.core.events import EventKind
from modelry.core.ports import Store, Unit
from modelry.core.service import Service
from modelry.stores.jsonfile import JsonStore
from modelry.stores.sql import SqliteStore
from modelry.testing.examples import happen, keep, some_model, some_version
from modelry.testing.fakes import world_on

EACH = 10
"""How many versions a model has."""


def main() -> None:
    """Fill both with each number of versions, and let them take turns."""
    parser = options(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000, 10000])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--in", dest="folder", type=Path, default=None)
    given = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        for size in given.sizes:
            rows += compared(Path(folder) / str(size), size, given.rounds)
    show(rows, as_json=given.json)


def compared(folder: Path, size: int, rounds: int) -> list[Row]:
    """Answer what each verb takes at `size` versions."""
    makers: Mapping[str, Callable[[], Store]] = {
        "json": lambda: JsonStore(folder / "json" / "registry.json"),
        "sqlite": lambda: SqliteStore(folder / "sqlite" / "registry.db"),
    }
    stores = {name: make() for name, make in makers.items()}
    for store in stores.values():
        store.change(lambda unit: fill(unit, size))
    services = {name: Service(world_on(store, folder / name)) for name, store in stores.items()}
    counts = {name: itertools.count(1) for name in stores}
    verbs: Mapping[str, Callable[[str], object]] = {
        "register": lambda name: EntryBook(services[name]).register(
            "fresh", next(counts[name]), "p", {}, None
        ),
        "resolve": lambda name: services[name].resolve("model-0:1"),
        "list one model": lambda name: EntryBook(services[name]).entries("model-0"),
        "list everything": lambda name: EntryBook(services[name]).entries(),
        "open and resolve": lambda name: Service(world_on(makers[name](), folder / name)).resolve(
            "model-0:1"
        ),
    }
    rows = []
    for verb, do in verbs.items():
        runs = {name: (lambda name=name, do=do: do(name)) for name in stores}
        took = race(runs, rounds)
        note = f"json {took['json'] * 1000:.2f} ms, sqlite {took['sqlite'] * 1000:.2f} ms"
        what = f"{verb}, {size:,} versions: json / sqlite"
        rows.append(Row(what, took["json"] / took["sqlite"], None, note=note))
    for store in stores.values():
        store.close()
    return rows


def fill(unit: Unit, size: int) -> None:
    """Make `size` versions of some models, each with its event."""
    for at in range(-(-size // EACH)):
        made = some_model(f"model-{at}")
        numbers = range(1, min(EACH, size - at * EACH) + 1)
        versions = [some_version(made, n, metrics={"accuracy": 0.5, "loss": n}) for n in numbers]
        model = keep(unit, made, *versions)
        for number in numbers:
            happen(unit, model, EventKind.REGISTERED, number, 1000 + number)


if __name__ == "__main__":
    main()
