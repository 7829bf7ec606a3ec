"""Row 44: on a disk that is really full nothing is half done, and reads continue."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import deed
import pytest
import wholeness

from modelry.core.errors import Unavailable
from modelry.core.repository import RegistryRepository
from modelry.wiring import connect

KIB = 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    if sys.platform != "linux" or os.geteuid():
        pytest.skip("only root of a Linux machine may mount a small file system")
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small file system")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path, spare: int) -> None:
    """Leave `spare` bytes free."""
    with (disk / "filler").open("wb", buffering=0) as out, suppress(OSError):
        while True:
            out.write(bytes(4 * KIB))
    with (disk / "filler").open("r+b") as out:
        out.truncate(max(0, out.seek(0, os.SEEK_END) - spare))


@pytest.mark.parametrize("spare", [0, 4, 8, 16, 32, 48, 64, 96, 128, 192])
def test_row_44_a_full_disk_refuses_changes_and_answers_reads(
    small_disk: Path, tmp_path: Path, spare: int
) -> None:
    home = small_disk / "sub" / "disk" / "home"
    (small_disk / "sub").mkdir()
    deed.prepare(home)
    with connect(home=home) as registry:
        fill(small_disk, spare * KIB)
        refused = [_try(registry, tmp_path, f"9.{at}.0", 20 * KIB) for at in range(30)]
        assert {None, "storage_full"} >= set(refused) != {None}
        assert spare or all(refused)
        assert registry.resolve("m@production").number == 2
        assert registry.resolve("m:1").number == 1
        assert len(registry.history("m").events) >= 4
        assert len(registry.versions("m").items) == 2 + refused.count(None)
        assert registry.search("metrics.auc >= 0.5").items
        assert registry.verify().problems == ()
    with connect(home=home) as again:
        assert again.resolve("m@production").number == 2
        (small_disk / "filler").unlink()
        assert wholeness.problems(again) == []
        assert wholeness.verify(again) == []
        assert _try(again, tmp_path, "9.99.0", 20 * KIB) is None
        again.gc(grace=0)
        assert wholeness.leftovers(again, home) == []


def _try(registry: RegistryRepository, folder: Path, label: str, size: int) -> str | None:
    path = folder / "model.bin"
    path.write_bytes(label.encode().ljust(size, b"."))
    try:
        registry.register("m", path, version=label)
    except Unavailable as error:
        return str(error.facts["reason"])
    return None
