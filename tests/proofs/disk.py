"""A disk that forgets: what was not fsynced may be lost when the power is cut.

Bytes of a file are sure once the file was fsynced, names in a folder once the
folder was. Until then each may be there, in part or not at all: POSIX promises
no more, and file systems differ.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

SECTOR = 512
_Change = tuple[int, bytes | None]
"""Bytes written at an offset, or a truncation to a size."""
Policy = Literal["all", "sure", "torn", "some"]
Tree = Mapping[str, bytes | None]
"""What lies where: the bytes of a file, None for a folder."""


@dataclass(eq=False)
class File:
    """A file: the bytes that are sure, and the changes since."""

    sure: bytes = b""
    changes: list[_Change] = field(default_factory=list)

    def content(self, policy: Policy, chance: random.Random) -> bytes:
        """Answer what a cut may leave."""
        data = bytearray(self.sure)
        for at, change in enumerate(self.changes if policy != "sure" else []):
            last = at == len(self.changes) - 1
            if policy == "some" and chance.random() < 0.4:
                continue
            tear = (policy == "torn" and last) or (policy == "some" and chance.random() < 0.3)
            _apply(data, change, chance if tear else None)
        return bytes(data)


def _apply(data: bytearray, change: _Change, tear: random.Random | None) -> None:
    offset, written = change
    if written is None:
        del data[offset:]
        data.extend(bytes(offset - len(data)))
        return
    start, end = 0, len(written)
    if tear is not None and end > SECTOR:  # sectors are whole, a write is not
        edge = SECTOR - offset % SECTOR + SECTOR * tear.randrange((end - 1) // SECTOR)
        start, end = (0, min(end, edge)) if tear.random() < 0.5 else (min(end, edge), end)
    data.extend(bytes(max(0, offset + end - len(data))))
    data[offset + start : offset + end] = written[start:end]


@dataclass(eq=False)
class Folder:
    """A folder: the names that are sure, and the changes since, each made at once or not."""

    sure: dict[str, Node] = field(default_factory=dict)
    changes: list[dict[str, Node | None]] = field(default_factory=list)

    def names(self, policy: Policy, chance: random.Random) -> dict[str, Node]:
        """Answer what a cut may leave; changes of one folder happen in their order."""
        kept = len(self.changes)
        if policy in {"sure", "some"}:
            kept = 0 if policy == "sure" else chance.randrange(kept + 1)
        names: dict[str, Node | None] = dict(self.sure)
        for change in self.changes[:kept]:
            names.update(change)
        return {name: node for name, node in names.items() if node is not None}

    def now(self) -> dict[str, Node]:
        """Answer what a program sees."""
        return self.names("all", random.Random(0))


Node = File | Folder


class Disk:
    """The tree under one folder, from what lies there now."""

    def __init__(self, root: Path) -> None:
        self._where = root
        self._root = _load(root)

    def inside(self, path: str) -> bool:
        """Say whether a path is on this disk."""
        return PurePosixPath(path).is_relative_to(self._where)

    def find(self, path: str) -> Node | None:
        """Answer what a program sees at a path."""
        node: Node | None = self._root
        for part in PurePosixPath(path).relative_to(self._where).parts:
            node = node.now().get(part) if isinstance(node, Folder) else None
        return node

    def file(self, path: str) -> File:
        """Answer the file at a path."""
        node = self.find(path)
        assert isinstance(node, File), path
        return node

    def make(self, path: str, node: Node) -> None:
        """Give a new file or folder its name."""
        self._parent(path).changes.append({PurePosixPath(path).name: node})

    def remove(self, path: str) -> None:
        """Take a name away."""
        self._parent(path).changes.append({PurePosixPath(path).name: None})

    def rename(self, old: str, new: str) -> None:
        """Move a name; within one folder at once, between two not even that."""
        node, before, after = self.find(old), self._parent(old), self._parent(new)
        assert node is not None, old
        gone: dict[str, Node | None] = {PurePosixPath(old).name: None}
        come: dict[str, Node | None] = {PurePosixPath(new).name: node}
        if before is after:
            before.changes.append({**gone, **come})
        else:
            after.changes.append(come)
            before.changes.append(gone)

    def sync(self, path: str) -> None:
        """Make what is at a path sure."""
        node = self.find(path)
        if isinstance(node, File):
            node.sure, node.changes = node.content("all", random.Random(0)), []
        elif isinstance(node, Folder):
            node.sure, node.changes = node.now(), []

    def after_cut(self, names: Policy, data: Policy, chance: random.Random) -> Tree:
        """Answer one tree that a power cut may leave now."""
        return dict(_walk(self._root, "", names, data, chance))

    def _parent(self, path: str) -> Folder:
        node = self.find(str(PurePosixPath(path).parent))
        assert isinstance(node, Folder), path
        return node


def _walk(
    folder: Folder, prefix: str, names: Policy, data: Policy, chance: random.Random
) -> Iterator[tuple[str, bytes | None]]:
    for name, node in sorted(folder.names(names, chance).items()):
        if isinstance(node, File):
            yield prefix + name, node.content(data, chance)
        else:
            yield prefix + name, None
            yield from _walk(node, f"{prefix}{name}/", names, data, chance)


def _load(path: Path) -> Folder:
    found: dict[str, Node] = {}
    for each in path.iterdir():
        found[each.name] = _load(each) if each.is_dir() else File(each.read_bytes())
    return Folder(found)


def write_tree(tree: Tree, root: Path) -> None:
    """Lay a tree out in an empty folder."""
    for path, content in tree.items():
        if content is None:
            (root / path).mkdir()
        else:
            (root / path).write_bytes(content)
