"""Row 48: a blob that another tool took away just before the commit is written once more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
import wholeness
from wholeness import world_of

from modelry.core.errors import Unavailable
from modelry.core.ports import Unit
from modelry.core.registry import Registry
from modelry.stores.sql import SqliteStore
from modelry.wiring import connect

T = TypeVar("T")


class Thieving(SqliteStore):
    """A store beside which somebody takes blobs away right before a change."""

    times = 0

    def change(self, work: Callable[[Unit], T], *, alone: bool = False) -> T:
        """Take away, then change."""
        if self.times:
            self.times -= 1
            for path in (self._path.parent / "blobs" / "sha256").glob("*/*"):
                path.unlink()
        return super().change(work, alone=alone)


@pytest.mark.parametrize(("times", "survives"), [(1, True), (2, True), (100, False)])
def test_row_48_no_version_names_a_blob_that_is_gone(
    tmp_path: Path,
    times: int,
    survives: bool,  # noqa: FBT001 - a row
) -> None:
    (tmp_path / "model.bin").write_bytes(b"bytes")
    with connect(home=tmp_path / "home") as real:
        store = Thieving(tmp_path / "home" / "registry.db")
        store.times = times
        registry = Registry(replace(world_of(real), store=store))
        if survives:
            registry.register("m", tmp_path / "model.bin")
        else:
            with pytest.raises(Unavailable, match="vanished"):
                registry.register("m", tmp_path / "model.bin")
        store.close()
        assert wholeness.problems(real) == []
        assert wholeness.verify(real) == []
        assert len(real.models().items) == int(survives)
