"""A zip whose structure was checked, with its entries ready to be looked into."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, cast

from modelry.core.errors import Invalid
from modelry.formats.forward import Forward
from modelry.formats.pickle_acts import opens_pickle
from modelry.formats.quoting import plain, several
from modelry.formats.zip_structure import DEFLATED, STORED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar
    from zipfile import ZipFile

    from modelry.formats.zip_records import Entry

    T = TypeVar("T")

_LOOKED_INTO = 1000
_HEAD = 16


class Archive:
    """Entries by name, each read in bounded memory."""

    def __init__(self, opened: ZipFile, entries: Sequence[Entry]) -> None:
        self._opened = opened
        self.entries = {entry.name: entry for entry in entries}

    def small(self, name: str, most: int) -> bytes:
        """Read a whole entry of at most `most` bytes."""
        entry = self.entries[name]
        if entry.sizes.unpacked > most:
            msg = (
                f"the entry {plain(name)!r} has {entry.sizes.unpacked:,} bytes; at most {most:,} "
                "are read"
            )
            raise Invalid(msg, entry=plain(name))
        return self.reading(name, lambda stream: stream.take(stream.left, plain(name), most))

    def reading(self, name: str, read: Callable[[Forward], T]) -> T:
        """Answer what `read` makes of an entry, which it sees from its start."""
        with self._opened.open(name) as member:
            source = cast("BinaryIO", member)
            return read(Forward(source, self.entries[name].sizes.unpacked, plain(name)))

    def head(self, name: str) -> bytes:
        """Look at the first bytes of an entry."""
        if self.entries[name].method not in (STORED, DEFLATED):
            return b""
        return self.reading(name, lambda stream: stream.peek(_HEAD))

    def pickles(self) -> list[str]:
        """Name the entries that begin as a pickle, by their content."""
        names = [name for name, entry in self.entries.items() if entry.sizes.unpacked > 1]
        return [name for name in names[:_LOOKED_INTO] if opens_pickle(self.head(name))]

    def hidden(self) -> tuple[str, ...]:
        """Say which entries are pickles or zips themselves."""
        pickles = self.pickles()
        zips = [name for name in [*self.entries][:_LOOKED_INTO] if self.head(name)[:4] == b"PK\3\4"]
        notes = []
        if pickles:
            notes.append(f"it holds pickles, which run code when loaded: {several(pickles)}")
        if zips:
            notes.append(f"it holds zips that were not looked into: {several(zips)}")
        if len(self.entries) > _LOOKED_INTO:
            notes.append(f"only the first {_LOOKED_INTO:,} of its files were looked into")
        return tuple(notes)
