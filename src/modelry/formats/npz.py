"""numpy.savez: a zip of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelry.core.model import Findings
from modelry.formats.npy import MAGIC, Array, array_header
from modelry.formats.quoting import plain, several

if TYPE_CHECKING:
    from modelry.core.strict_json import Json
    from modelry.formats.archive import Archive

_MOST = 10_000
_TOLD = 100


def describe(archive: Archive) -> Findings | None:
    """Answer the arrays, None where an entry is anything else."""
    names = [*archive.entries]
    if not names or len(names) > _MOST or not all(map(_is_named, names)):
        return None
    if not all(archive.head(name).startswith(MAGIC) for name in names):
        return None
    arrays = {name.removesuffix(".npy"): archive.reading(name, array_header) for name in names}
    return Findings(
        format="npz",
        framework="numpy",
        parameters=sum(array.elements for array in arrays.values() if not array.has_objects),
        details={"tensors": len(arrays), "arrays": _told(arrays)},
        notes=_notes(arrays),
    )


def _is_named(name: str) -> bool:
    return name.endswith(".npy")


def _told(arrays: dict[str, Array]) -> dict[str, Json]:
    first = [*arrays.items()][:_TOLD]
    return {plain(name): f"{array.descr} {list(array.shape[:64])}" for name, array in first}


def _notes(arrays: dict[str, Array]) -> tuple[str, ...]:
    objects = [name for name, array in arrays.items() if array.has_objects]
    if not objects:
        return ()
    return (
        f"arrays of Python objects are pickles, which run code when loaded: {several(objects)}",
    )
