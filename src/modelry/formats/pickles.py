"""Pickle, and what is built on it: joblib and torch's old format. Nothing is ever unpickled.

Told are the globals that loading would import. A pickle that cannot be followed
to its end is not refused, because it may still be harmful as far as it goes; a
note says so and a scanner decides.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from modelry.core.errors import Invalid
from modelry.core.model import Findings
from modelry.formats.forward import Forward, reading
from modelry.formats.joblib_arrays import JoblibMachine
from modelry.formats.pickle_acts import follow, opens_pickle
from modelry.formats.quoting import plain, several

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelry.core.ports import SourceFile
    from modelry.core.strict_json import Json

_MAX_STREAMS = 16
_MAX_TOLD = 1000
_OLD_OPENINGS = b"(]}cliSVIFNL"
_OLD_STEPS = 8
TORCH_MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
_TORCH_STREAMS = 5
_FRAMEWORKS = {
    "sklearn": "scikit-learn",
    "torch": "pytorch",
    "transformers": "transformers",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "keras": "keras",
    "tensorflow": "tensorflow",
    "statsmodels": "statsmodels",
    "spacy": "spacy",
}


class Pickle:
    """Recognises pickles of every protocol by following their first instructions."""

    name = "pickle"

    def sniff(self, head: bytes, size: int) -> bool:
        """Recognise a protocol mark, or instructions of protocol 0 and 1 that make sense."""
        return opens_pickle(head) or _opens_old_pickle(head, size)

    def read(self, file: SourceFile) -> Findings:
        """Answer the globals of every pickle in the file."""
        with reading(file, "the pickle") as stream:
            if stream.peek(len(TORCH_MAGIC)) == TORCH_MAGIC:
                return _torch(Scan(stream, _TORCH_STREAMS))
            scan = Scan(stream, _MAX_STREAMS)
        container = "joblib" if scan.machine.arrays else self.name
        return Findings(
            format=container,
            framework=scan.framework,
            details=scan.details,
            notes=scan.notes,
        )


class Scan:
    """What following up to `most` pickles, one behind the other, brings to light."""

    def __init__(self, stream: Forward, most: int = _MAX_STREAMS) -> None:
        self.machine = JoblibMachine(stream)
        self.streams = 0
        self.broken = ""
        try:
            while self.streams < most and (not self.streams or opens_pickle(stream.peek(3))):
                follow(self.machine)
                self.streams += 1
        except Invalid as error:
            self.broken = error.message
        self.left = stream.left

    @property
    def globals(self) -> list[str]:
        """Name what loading would import, sorted."""
        return sorted(map(str, self.machine.globals))

    @property
    def framework(self) -> str | None:
        """Answer the framework that the first known module belongs to."""
        tops = (one.module.split(".")[0] for one in self.machine.globals)
        return next((_FRAMEWORKS[top] for top in tops if top in _FRAMEWORKS), None)

    @property
    def details(self) -> dict[str, Json]:
        """Answer protocol, number of pickles and globals."""
        told: list[Json] = [plain(one) for one in self.globals[:_MAX_TOLD]]
        return {
            "protocol": self.machine.protocol,
            "pickles": self.streams,
            "globals": told,
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what a person should know before loading it."""
        return (*self._about_loading(), *self._about_shape())

    def _about_loading(self) -> Iterable[str]:
        names = self.globals
        yield "it is a pickle: loading it runs code" + (
            f"; it would import {several(names)}" if names else ""
        )
        if self.machine.unresolved:
            yield f"it would import {self.machine.unresolved:,} names that could not be told"

    def _about_shape(self) -> Iterable[str]:
        if self.broken:
            yield f"the pickle cannot be read to its end: {plain(self.broken)}"
        if self.streams > 1:
            yield f"{self.streams:,} pickles stand one behind the other"
        if self.machine.nested:
            yield f"{self.machine.nested:,} byte strings in it look like pickles of their own"
        if self.left and not self.broken:
            yield f"{self.left:,} bytes follow the end of the pickle"


def _torch(scan: Scan) -> Findings:
    """Read `torch.save` before 1.6: four short pickles, the keys, then the raw tensors."""
    hidden = ("bytes follow", "pickles stand")
    notes = tuple(note for note in scan.notes if not any(part in note for part in hidden))
    return Findings(
        format="torch",
        framework="pytorch",
        details={"layout": "legacy", **scan.details},
        notes=notes,
    )


def _opens_old_pickle(head: bytes, size: int) -> bool:
    """Say whether instructions without a protocol mark make sense.

    Text may look like some of them, so they must call something that they
    imported, or end with the file, or remember what they make as picklers do.
    """
    if head[:1] == b"" or head[0] not in _OLD_OPENINGS:
        return False
    machine = JoblibMachine(Forward(BytesIO(head), len(head), "the head"))
    try:
        follow(machine)
    except Invalid:
        cut = machine.stream.left == 0 and size > len(head)
        return machine.calls > 0 or (cut and machine.remembered > 0 and machine.steps > _OLD_STEPS)
    at_end = machine.stream.at == size
    return machine.calls > 0 or bool(machine.globals) or (at_end and machine.remembered > 0)
