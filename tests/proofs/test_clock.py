"""Row 49: a clock that jumps changes what is noted, never the order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import wholeness
from wholeness import world_of

from modelry.core.model import moment
from modelry.core.registry import Registry
from modelry.wiring import connect

HOUR = 3_600_000_000
START = 1_800_000_000_000_000


class Jumping:
    """A clock that says what a test wants."""

    def __init__(self, times: Sequence[int]) -> None:
        self._times = iter(times)
        self.said: list[int] = []

    def now(self) -> int:
        """Answer the next time."""
        self.said.append(next(self._times))
        return self.said[-1]


@pytest.mark.parametrize(
    "jumps",
    [(0, HOUR, -HOUR, 1, 2, -50 * HOUR, 3, 4), (0, -1, -2, -3, -4, -5, -6, -7), (0,) * 8],
    ids=["to and fro", "backwards", "standing still"],
)
def test_row_49_order_is_by_sequence_and_times_never_go_back(
    tmp_path: Path, jumps: Sequence[int]
) -> None:
    clock = Jumping([START + jump for jump in jumps])
    with connect(home=tmp_path / "home") as real:
        registry = Registry(replace(world_of(real), clock=clock))
        path = tmp_path / "model.bin"
        for at in range(2):
            path.write_bytes(b"%d" % at)
            registry.register("m", path)
        registry.promote("m:1", "production")
        registry.promote("m:2", "production")
        registry.alias("m", "champion", "1")
        registry.rollback("m")
        events = list(registry.history("m"))[::-1]
        assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6]
        times = [event.at for event in events]
        assert times == sorted(times)
        for event, said in zip(events, clock.said, strict=True):
            assert event.body.get("clock", event.at) == said
            assert ("clock" in event.body) == (said < event.at)
        assert registry.resolve("m@production").number == 1
        assert wholeness.problems(real) == []
        latest = moment(max(times))
        assert registry.history("m", as_of=latest).pointers == {"champion": 1, "production": 1}
        assert registry.history("m", as_of=moment(START - 60 * HOUR)).pointers == {}
