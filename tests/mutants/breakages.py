"""Deliberate breakages, and for each the proof that must fail on it.

The old text must occur exactly once in its file, so that this table follows the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

POWER = "proofs/test_power_cut.py"
SECOND = "-k=whenever_the_power_is_cut and second and standard"


@dataclass(frozen=True, slots=True)
class Subset:
    """Some tests, and how much they do."""

    words: tuple[str, ...]
    counts: Mapping[str, int] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Breakage:
    """Edits `(file, old text, new text)` and the tests that must notice."""

    name: str
    edits: tuple[tuple[str, str, str], ...]
    noticed_by: Subset


CUT = Subset((POWER, SECOND), {"STATES": 120})
CUT_AHEAD = Subset((POWER, "-k=whenever_the_power_is_cut and second and newest"))
CROWD = Subset(("proofs/test_many_processes.py",), {"OPERATIONS": 600})
KILL = Subset(("proofs/test_kill.py", "-k=killed and 0"), {"KILLS": 100})
GARBAGE = Subset(("proofs/test_crew.py", "-k=row_48"), {"SECONDS": 3})
RACE = Subset(("proofs/test_crew.py", "-k=row_52"), {"ROUNDS": 8})
VANISHING = Subset(("proofs/test_vanishing_blob.py",))
DAMAGE = Subset((POWER, "-k=lost_its_bytes"))
TAMPERING = Subset(("proofs/test_tampering.py",))
JSON = "proofs/test_json_file.py"
JSON_CROWD = Subset((JSON, "-k=8_processes"), {"JSON_WRITES": 30})
JSON_CUT = Subset((JSON, "-k=power and register"))
JSON_KILL = Subset((JSON, "-k=killed"), {"JSON_KILLS": 20})

REGISTER, WORLD = "core/verbs/register.py", "core/verbs/world.py"
SQLITE, UNIT, TABLES = "stores/sql/sqlite.py", "stores/sql/unit.py", "stores/sql/tables.py"
STAGING = "blobs/staging.py"

_RECHECK = (REGISTER,
            "    if any(stored.get(file.sha256) != file.size for file in sealed.files):",
            "    if False:")  # fmt: skip
_SPLIT = (
    '    unit._connection.exec_driver_sql("COMMIT")\n'
    '    unit._connection.exec_driver_sql("BEGIN IMMEDIATE")\n'
    "    unit.append(event)"
)
_SLOWLY = _SPLIT.replace("    unit.append", "    __import__('time').sleep(0.005)\n    unit.append")
"""The same with a gap wide enough for a kill to fall into it on a machine of any speed."""
_POINTER_KEY = """    Column("model_id", BigInteger, ForeignKey("registered_models.id"), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("entry", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    sqlite_with_rowid=False,
"""

BREAKAGES = [
    Breakage("metadata before blobs", (
        _RECHECK,
        (REGISTER, "            staged.publish()\n            try:\n", "            try:\n"),
        (REGISTER, "                return publish(world, ref, sealed)\n            except",
                   ("                made = publish(world, ref, sealed)\n"
                   "                staged.publish()\n                return made\n            except")),
    ), CUT),
    Breakage("the event outside the transaction", ((WORLD, "    unit.append(event)", _SPLIT),), CUT),
    Breakage("the event outside the transaction, killed",
             ((WORLD, "    unit.append(event)", _SLOWLY),), KILL),
    Breakage("no fsync of a blob", ((STAGING, "                flush(out)", "                pass"),),
             CUT),
    Breakage("no fsync of the names of blobs",
             ((STAGING, "                flush_folder(folder)", "                pass"),), CUT),
    Breakage("no fsync of the database",
             ((SQLITE, "PRAGMA synchronous = EXTRA", "PRAGMA synchronous = OFF"),), CUT),
    Breakage("no fsync of what is written ahead",
             ((SQLITE, "PRAGMA synchronous = EXTRA", "PRAGMA synchronous = OFF"),), CUT_AHEAD),
    Breakage("a pointer without a unique key", (
        (TABLES, _POINTER_KEY, _POINTER_KEY.replace(", primary_key=True", "").replace(
            "    sqlite_with_rowid=False,\n", "")),
        (UNIT, '        self._put(pointers, {"model_id": model.id, "name": pointer.name}, row)',
               '        self._add(pointers, {"model_id": model.id, "name": pointer.name, **row})'),
    ), RACE),
    Breakage("numbers taken outside the lock", (
        (SQLITE, """            self._queue.turn(patience),
            self._transaction("BEGIN IMMEDIATE") as lent,
        ):
            (tables,)""", """            self._transaction("BEGIN") as lent,
        ):
            (tables,)"""),
    ), CROWD),
    Breakage("an answer before the shared commit", (
        ("stores/sql/together.py", "            yield made[-1]\n",
                                   "            yield made[-1]\n            made.pop().wake()\n"),
    ), Subset(("stores/test_together.py", "-k=commit_fails"))),
    Breakage("a refusal that keeps what it wrote", (
        (SQLITE, "        if bare.total_changes != written or not bare.in_transaction:",
                 "        if not bare.in_transaction:"),
    ), Subset(("stores/test_together.py", "-k=undone_by_itself"))),
    Breakage("no second look at blobs in the transaction", (_RECHECK,), VANISHING),
    Breakage("collection that ignores leases", (
        ("blobs/local.py", "                if self._leases.covers(sha256):",
                           "                if False:"),
        _RECHECK,
    ), GARBAGE),
    Breakage("collection that does not ask what versions name", (
        ("core/verbs/remove.py", "        named = unit.named(wanted)",
                                 "        named = frozenset(wanted) - frozenset(wanted)"),
    ), GARBAGE),
    Breakage("the head of a chain that stays", (
        (UNIT,
         '        self._put(heads, {"chain": event.chain}, row)',
         '        if event.seq == 1:\n            self._add(heads, {"chain": event.chain, **row})'),
    ), TAMPERING),
    Breakage("a hash that leaves the body out", (
        ("core/events.py", "actor, at, number, body, prev]\n", "actor, at, number, prev]\n"),
    ), TAMPERING),
    Breakage("a registry.json without a lock", (
        ("stores/jsonfile/files.py",
         "            self._lock.acquire(timeout=left, poll_interval=_AGAIN)", "            del left"),
    ), JSON_CROWD),
    Breakage("a registry.json written in place", (
        ("stores/jsonfile/files.py", "        self._aside.replace(self.path)",
                                     "        self.path.write_bytes(self._aside.read_bytes())"),
    ), JSON_KILL),
    Breakage("no fsync of the history of a registry.json", (
        ("stores/jsonfile/journal.py", "                if durable:", "                if False:"),
    ), JSON_CUT),
    Breakage("a change of a registry.json that was interrupted and is believed", (
        ("stores/jsonfile/store.py", "        cut = _interrupted(lines, found)", "        cut = None"),
    ), JSON_KILL),
    Breakage("use without verification", (
        ("blobs/building.py", "    if found != (file.sha256, file.size):", "    if False:"),
    ), DAMAGE),
]  # fmt: skip
