"""From recorded calls to the states that a power cut can leave."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from disk import Disk, File, Folder, Policy, Tree
from strace_log import Call

WAYS: tuple[tuple[Policy, Policy], ...] = (
    ("all", "all"), ("sure", "sure"), ("all", "sure"), ("sure", "all"),
    ("all", "torn"), ("some", "some"), ("some", "some"),
)  # fmt: skip
_IGNORED = frozenset({"lseek"})


@dataclass(frozen=True, slots=True)
class State:
    """A tree after a cut, how it came about, and what the program had said before the cut."""

    tree: Tree
    cut: int
    way: tuple[Policy, Policy]
    said: str


class Replay:
    """Does recorded calls again, on a `Disk`."""

    def __init__(self, disk: Disk, words: str) -> None:
        self.disk = disk
        self._words = words
        self.said = ""
        self._places: dict[int, int] = {}

    def do(self, call: Call) -> bool:
        """Do one call; say whether it changed the disk, or what the program said."""
        if call.error or call.result < 0:
            return False
        if call.name in {"open", "openat", "creat"}:
            return self._open(call)
        descriptor = call.arguments[0]
        if descriptor.path is not None and descriptor.quoted is None and (
            call.name not in {"mkdirat", "unlinkat", "renameat", "renameat2"}):  # fmt: skip
            return self._on_descriptor(call, descriptor.number, descriptor.path)
        paths = [arg.quoted.decode() for arg in call.arguments if arg.quoted is not None]
        return self._on_paths(call.name, paths)

    def _open(self, call: Call) -> bool:
        path = next(arg.quoted for arg in call.arguments if arg.quoted is not None).decode()
        flags = next((arg.plain for arg in call.arguments if arg.plain.startswith("O_")), "")
        self._places[call.result] = 0
        if not self.disk.inside(path) or "O_DIRECTORY" in flags:
            return False
        node = self.disk.find(path)
        if node is None:
            assert "O_CREAT" in flags, call
            self.disk.make(path, File())
            return True
        if isinstance(node, File) and "O_TRUNC" in flags:
            node.changes.append((0, None))
            return True
        if isinstance(node, File) and "O_APPEND" in flags:
            self._places[call.result] = len(node.content("all", random.Random(0)))
        return False

    def _on_descriptor(self, call: Call, descriptor: int, path: str) -> bool:
        if path == self._words and call.name == "write":
            self.said = (call.arguments[1].quoted or b"").decode()
            return True
        if call.name == "lseek":
            self._places[descriptor] = call.result
            return False
        if not self.disk.inside(path) or call.arguments[0].gone:
            return False
        if call.name in {"fsync", "fdatasync"}:
            self.disk.sync(path)
        elif call.name == "write":
            at = self._places[descriptor]
            self._places[descriptor] = at + call.result
            self._write(path, at, (call.arguments[1].quoted or b"")[: call.result])
        elif call.name == "pwrite64":
            data = (call.arguments[1].quoted or b"")[: call.result]
            self._write(path, call.arguments[3].number, data)
        elif call.name == "ftruncate":
            self.disk.file(path).changes.append((call.arguments[1].number, None))
        else:
            msg = f"a call that this disk does not know: {call}"
            raise NotImplementedError(msg)  # a proof must not pass over what it cannot replay
        return True

    def _write(self, path: str, at: int, data: bytes) -> None:
        if not path.endswith("-shm"):  # shared memory is made anew after a crash
            self.disk.file(path).changes.append((at, data))

    def _on_paths(self, name: str, paths: list[str]) -> bool:
        inside = [self.disk.inside(path) for path in paths]
        if not any(inside):
            return False
        if name in {"mkdir", "mkdirat"}:
            self.disk.make(paths[0], Folder())
        elif name in {"unlink", "unlinkat", "rmdir"}:
            self.disk.remove(paths[0])
        elif name in {"rename", "renameat", "renameat2"} and all(inside):
            self.disk.rename(*paths)
        else:
            msg = f"a call that this disk does not know: {name} {paths}"
            raise NotImplementedError(msg)  # a proof must not pass over what it cannot replay
        return True


def states(replay: Replay, calls: Iterable[Call], seed: int) -> Iterator[State]:
    """Cut the power after every call that changed something; answer each different state once."""
    seen: set[bytes] = set()
    for cut, call in enumerate(calls):
        if replay.do(call):
            for number, way in enumerate(WAYS):
                chance = random.Random(f"{seed} {cut} {number}")
                tree = replay.disk.after_cut(*way, chance)
                mark = _mark(tree, replay.said)
                if mark not in seen:
                    seen.add(mark)
                    yield State(tree, cut, way, replay.said)


def _mark(tree: Tree, said: str) -> bytes:
    digest = hashlib.blake2b(said.encode())
    for path, content in tree.items():
        digest.update(f"{path} {-1 if content is None else len(content)} ".encode())
        digest.update(content or b"")
    return digest.digest()
