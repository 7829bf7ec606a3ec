"""The `Store` port on a `registry.json` and the history beside it.

The file is the truth for what it shows, the history for everything else. A
change writes the new file aside, adds its line to the history, and puts the
file in place: each is on the disk before the next begins. Whoever looks
compares what stands there with what the history says should, and records
what a hand did in between.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from modelry.core.errors import Corrupt, RegistryError
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import Version
from modelry.core.names import Ref
from modelry.core.ports import Unit, View
from modelry.core.selection import FoundVersion, Selection
from modelry.core.strict_json import Json
from modelry.durable import storing
from modelry.stores.held import HeldView, State
from modelry.stores.jsonfile.document import EMPTY, Claim, Reader, Writer, claimed
from modelry.stores.jsonfile.files import Files, Stat
from modelry.stores.jsonfile.hand import Hand, Witness
from modelry.stores.jsonfile.journal import DONE, FORMAT, Journal, Line
from modelry.stores.jsonfile.writes import RecordingUnit, Write, write_again

T = TypeVar("T")
_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_NO_FILE = -1
_TICK = 50_000_000
"""Nanoseconds in which a file may change twice and show one time: then its bytes are compared."""


def open_json(uri: str) -> JsonStore:
    """Open `json:models/registry.json` or `json:///srv/models/registry.json`."""
    return JsonStore(Path(uri.removeprefix("json:")).expanduser())


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read last: the state, how far the history goes, which file belongs to it.

    `after` is the sha256 of that file, `file` and `inode` say which files were read.
    """

    state: State = field(default_factory=State)
    end: int = 0
    after: str | None = None
    inode: int | None = None
    file: Stat | None = None
    mark: Hashable = None


class JsonStore:
    """Holds the state that the file and its history tell; any process may change them.

    Every promise of the port holds but those of time: a change writes the whole
    file, a first look reads the whole history, and lists, searches and counts
    pass over every version.
    """

    def __init__(self, path: Path, now: Callable[[], int] | None = None) -> None:
        self._files = Files(Path(os.path.realpath(path)))
        self._named = Path(self._files.path.name)  # refusals are told to whoever asks
        self._journal = Journal(self._files.history)
        self._writer = Writer()
        self._known = _Known()
        self._now = now or (lambda: time.time_ns() // 1000)
        self._holder: int | None = None
        self._witness: Witness = _nobody

    @property
    def folder(self) -> Path:
        """The folder of the file."""
        return self._files.path.parent

    def trust(self, witness: Witness) -> None:
        """Let `witness` see the bytes of entries that a hand adds; without one nobody does."""
        self._witness = witness

    @contextmanager
    def read(self) -> Iterator[View]:
        """See `Store.read`."""
        yield HeldView(self._current())

    def resolve(self, ref: Ref) -> Version | None:
        """See `Store.resolve`."""
        return HeldView(self._current()).version(ref)

    def kept(self, kind: str, key: str) -> Mapping[str, Json] | None:
        """See `Store.kept`."""
        return HeldView(self._current()).kept(kind, key)

    def select_versions(
        self, project: str, selection: Selection
    ) -> tuple[Lifecycle | None, Sequence[FoundVersion]]:
        """See `Store.select_versions`."""
        with self.read() as view:
            return view.lifecycle(project), view.select_versions(project, selection)

    def generation(self) -> Hashable:
        """See `Store.generation`: which files stand there, and when they were written."""
        return self._files.mark()

    def snapshot(self) -> AbstractContextManager[View]:
        """See `Store.snapshot`: every look here is one."""
        return self.read()

    def close(self) -> None:
        """See `Store.close`: forgets what was read."""
        self._known = _Known()

    def change(self, work: Callable[[Unit], T], *, alone: bool = False) -> T:
        """See `Store.change`: each is alone."""
        del alone
        with self._held():
            with storing(self._named):
                known = self._load(writing=True)
            state = known.state.copy()
            unit = RecordingUnit(state)
            answer = work(unit)
            if unit.writes:
                with storing(self._named):
                    self._commit(state, unit.writes, known.after, self._writer.write(state))
            return answer

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Hold the lock of the file. Nobody else looks or writes meanwhile."""
        with storing(self._named):
            self._files.acquire()
        self._holder = threading.get_ident()
        try:
            yield
        finally:
            self._holder = None
            self._files.release()

    def _current(self) -> State:
        known, mark = self._known, self._files.mark()
        if self._holder == threading.get_ident():
            return known.state  # a look from inside a change sees what was there before it
        if known.mark == mark and not self._files.changed_since(_TICK):
            return known.state
        with storing(self._named):
            try:
                self._files.acquire()
            except OSError as error:
                if error.errno not in _READ_ONLY:
                    raise
                return self._load(writing=False).state
            try:
                return self._load(writing=True).state
            finally:
                self._files.release()

    def _load(self, *, writing: bool) -> _Known:
        """Bring what is known up to date with the files, recording what a hand did."""
        known = self._known
        if known.inode != self._journal.inode():
            known = _Known()
        data, file = self._files.read()
        found = None if data is None else _sha256(data)
        lines = self._journal.read(known.end)
        cut = _interrupted(lines, found)
        if cut is not None:
            lines = lines[:-1]
            if writing:
                self._journal.cut(cut.start)
        known = self._replayed(known, lines)
        if data is None:
            data = EMPTY if known.after is None else self._writer.write(known.state)
            found, file = _sha256(data), self._files.write(data) if writing else None
        inode = self._journal.inode()
        self._known = replace(known, inode=inode, file=file, mark=None)  # nothing to rely on yet
        if found == known.after or (known.after is None and data == EMPTY):
            self._know(known.state, known.end, found, file)
        else:
            self._follow(known, data, file, writing=writing)
        return self._known

    def _replayed(self, known: _Known, lines: Sequence[Line]) -> _Known:
        """Do what the lines tell, to a copy that no reader has."""
        if not lines:
            return known
        state, after = known.state.copy(), known.after
        for line in lines:
            try:
                for write in line.record.get("writes", ()):
                    write_again(state, write)
            except (KeyError, TypeError, ValueError, RegistryError) as error:
                name = self._journal.path.name
                msg = f"{name} tells what cannot be (from byte {line.start} on); bring it back"
                raise Corrupt(msg, file=name) from error
            after = line.record.get("after", after)
        return _Known(state, lines[-1].end, after)

    def _follow(self, known: _Known, data: bytes, file: Stat | None, *, writing: bool) -> None:
        """Take in what a hand did to the file since it was written."""
        reader = Reader(self._files.path, data)
        claims = reader.claims()
        unit = RecordingUnit(known.state.copy())
        with ExitStack() as kept:
            witness = self._witness if writing else _nobody
            Hand(unit, reader, self._now(), witness, kept).follow(claims)
            self._take_in(known, unit, claims, data, file, writing=writing)

    def _take_in(  # noqa: PLR0913 - what was known, what it became, and from which file
        self,
        known: _Known,
        unit: RecordingUnit,
        claims: Sequence[Claim],
        data: bytes,
        file: Stat | None,
        *,
        writing: bool,
    ) -> None:
        """Keep what a hand did; the file is written again where it must say more."""
        found = _sha256(data)
        asked = {claim.ref: claim for claim in claims}
        stands = {claim.ref: claim for claim in (claimed(each) for _, each in unit.standing())}
        if not writing:
            self._know(unit.state, known.end, found, file)
            self._known = replace(
                self._known, inode=_NO_FILE
            )  # nobody wrote down what the hand did
        elif unit.writes or asked != stands:
            text = data if asked == stands else self._writer.write(unit.state)
            self._commit(unit.state, unit.writes, found, text)
        else:
            self._know(unit.state, known.end, found, file)

    def _commit(
        self, state: State, writes: Sequence[Write], before: str | None, text: bytes
    ) -> None:
        """Make a change durable: the file aside, the line, the file in place."""
        after, at = _sha256(text), self._known.end
        line: Mapping[str, Json] = {"before": before, "after": after, "writes": list(writes)}
        records = [line] if at else [{"format": FORMAT}, line]
        if before == after:
            end = self._journal.append(at, records, durable=True)
            self._know(state, end, after, self._known.file)
            return
        file = self._files.prepare(text)
        end = self._journal.append(at, records, durable=True)
        try:
            self._files.place()
        except OSError:
            self._journal.cut(at)
            raise
        self._know(state, self._journal.append(end, [DONE], durable=False), after, file)

    def _know(self, state: State, end: int, after: str | None, file: Stat | None) -> None:
        mark = (file, self._files.mark()[1])
        self._known = _Known(state, end, after, self._journal.inode(), file, mark)


def _nobody(path: str) -> AbstractContextManager[None]:
    """See nothing."""
    del path
    return nullcontext()


def _interrupted(lines: Sequence[Line], found: str | None) -> Line | None:
    """Answer the last change where its file was never put in place."""
    last = lines[-1] if lines else None
    if last is None or not last.changes_the_file or last.record["after"] == found:
        return None
    return last


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
