"""torch.save since 1.6 and TorchScript: a zip with `data.pkl` in one folder.

The layout is that of `caffe2/serialize/inline_container.h`; tensors lie beside
the pickle, which refers to them by persistent ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelry.core.model import Findings
from modelry.formats.pickles import Scan
from modelry.formats.quoting import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelry.core.strict_json import Json
    from modelry.formats.archive import Archive

_MAX_PICKLES = 32
_MAX_TOLD = 1000


def describe(archive: Archive) -> Findings | None:
    """Answer the globals of its pickles, None where it is not of torch."""
    root = _root(archive)
    if root is None:
        return None
    pickles = _pickles(archive, root)
    scans = {name: archive.reading(name, Scan) for name in pickles[:_MAX_PICKLES]}
    script = any(name.startswith(f"{root}/code/") for name in archive.entries)
    tensors = sum(name.startswith(f"{root}/data/") for name in archive.entries)
    names = sorted({one for scan in scans.values() for one in scan.globals})
    told: list[Json] = [plain(one) for one in names[:_MAX_TOLD]]
    return Findings(
        format="torchscript" if script else "torch",
        framework="pytorch",
        details={"layout": "zip", "tensors": tensors, "globals": told},
        notes=(*_notes(scans, root), *_about(len(pickles), script=script)),
    )


def _root(archive: Archive) -> str | None:
    """Answer the folder that holds `data.pkl` or a script's `constants.pkl`, and all else."""
    for name in archive.entries:
        root, slash, rest = name.partition("/")
        if slash and rest in ("data.pkl", "constants.pkl"):
            return root
    return None


def _pickles(archive: Archive, root: str) -> list[str]:
    named = [name for name in archive.entries if name.endswith(".pkl")]
    others = [
        name
        for name in archive.pickles()
        if name not in named and not name.startswith(f"{root}/data/")
    ]
    return named + others


def _notes(scans: dict[str, Scan], root: str) -> list[str]:
    return [
        f"{plain(name.removeprefix(f'{root}/'))}: {note}"
        for name, scan in scans.items()
        for note in scan.notes
    ]


def _about(pickles: int, *, script: bool) -> Sequence[str]:
    notes = []
    if script:
        notes.append("it is a TorchScript program: loading it runs the code that it carries")
    if pickles > _MAX_PICKLES:
        notes.append(f"only {_MAX_PICKLES} of its {pickles:,} pickles were read")
    return notes
