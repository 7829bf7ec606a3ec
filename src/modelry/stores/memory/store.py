"""The `Store` port on dictionaries; a change works on copies that replace them at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from modelry.core.lifecycle import Lifecycle
from modelry.core.model import Version
from modelry.core.names import Ref
from modelry.core.ports import Unit, View
from modelry.core.selection import FoundVersion, Selection
from modelry.core.strict_json import Json
from modelry.stores.memory.tables import Tables
from modelry.stores.memory.view import MemoryUnit, MemoryView

T = TypeVar("T")


def open_memory(uri: str) -> MemoryStore:
    """Open `memory:`, a store that ends with the process."""
    del uri
    return MemoryStore()


class MemoryStore:
    """Holds one set of tables; readers keep the one they began with."""

    def __init__(self) -> None:
        self._state = Tables()
        self._writing = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[View]:
        """See `Store.read`."""
        yield MemoryView(self._state)

    def resolve(self, ref: Ref) -> Version | None:
        """See `Store.resolve`."""
        return MemoryView(self._state).version(ref)

    def kept(self, kind: str, key: str) -> Mapping[str, Json] | None:
        """See `Store.kept`."""
        return MemoryView(self._state).kept(kind, key)

    def select_versions(
        self, project: str, selection: Selection
    ) -> tuple[Lifecycle | None, Sequence[FoundVersion]]:
        """See `Store.select_versions`."""
        with self.read() as view:
            return view.lifecycle(project), view.select_versions(project, selection)

    def generation(self) -> Hashable:
        """See `Store.generation`: a count of the changes."""
        return self._state.generation

    def change(self, work: Callable[[Unit], T], *, alone: bool = False) -> T:
        """See `Store.change`: each is alone."""
        del alone
        with self._writing:
            state = self._state.copy()
            answer = work(MemoryUnit(state))
            self._state = state
            return answer

    def snapshot(self) -> AbstractContextManager[View]:
        """See `Store.snapshot`: every look here is one."""
        return self.read()

    def close(self) -> None:
        """See `Store.close`: there is nothing to give back."""
