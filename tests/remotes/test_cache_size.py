"""The cache of what was fetched is kept below its limit, and nobody misses what went."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scripted import Script, scripted
from typer.testing import CliRunner

from modelry import connect
from modelry.cli.app import app
from modelry.remotes.client import open_client
from modelry.remotes.client.cache import Arrival, Cache
from modelry.remotes.client.eviction import Evicted, entries, evict

HOLDS = """
import sys
from pathlib import Path
from modelry.remotes.client.cache import Arrival, Cache

with Cache(Path(sys.argv[1])).arriving(sys.argv[2], 1000, 100):
    print("held", flush=True)
    sys.stdin.read()
"""


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "home" / "cache"


@pytest.fixture
def keep(root: Path) -> Callable[[bytes, float], str]:
    """Put a blob into the cache that was used last at `used`."""

    def kept(data: bytes, used: float) -> str:
        path = root / "sha256" / sha(data)[:2] / sha(data)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (used, used))
        return sha(data)

    return kept


@pytest.fixture
def url() -> Iterator[str]:
    with scripted(Script(files={"model.bin": b"x" * 5000})) as address:
        yield address


def test_what_was_used_least_recently_goes_first(
    root: Path, keep: Callable[[bytes, float], str]
) -> None:
    middle, oldest, newest = keep(b"m" * 100, 20), keep(b"o" * 100, 10), keep(b"n" * 100, 30)
    assert [each.sha256 for each in entries(root)] == [oldest, middle, newest]
    assert evict(root, 300) == Evicted(0, 0)
    handle = Cache(root).open(oldest, 100)  # is used now
    assert handle is not None
    assert evict(root, 299) == Evicted(1, 100)
    assert [each.sha256 for each in entries(root)] == [newest, oldest]
    assert evict(root, 0) == Evicted(2, 200)
    assert handle.read() == b"o" * 100  # whoever reads it reads on
    handle.close()
    assert Cache(root).open(oldest, 100) is None


def test_what_another_process_is_fetching_stays(
    root: Path, keep: Callable[[bytes, float], str]
) -> None:
    busy, idle = keep(b"busy" * 100, 10), keep(b"idle" * 100, 20)
    assert busy[:4] != idle[:4]
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(root), busy],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert evict(root, 0) == Evicted(1, 400)
        assert [each.sha256 for each in entries(root)] == [busy]
    finally:
        other.communicate("")
    assert evict(root, 0) == Evicted(1, 400)


def test_a_fetch_that_broke_off_counts_and_begins_anew_when_it_went(root: Path) -> None:
    cache, name = Cache(root), sha(b"half")
    with cache.arriving(name, 300, 100) as arrival:
        with arrival.writing() as part:
            os.write(part, b"x" * 100)
        arrival.note(0)
        assert evict(root, 0) == Evicted(0, 0)  # it is on its way
    (entry,) = entries(root)
    assert (entry.sha256, entry.whole) == (name, False)
    assert evict(root, 0).blobs == 1
    with cache.arriving(name, 300, 100) as arrival:
        assert arrival.missing() == [(0, 100), (100, 200), (200, 300)]


def test_after_each_use_the_cache_is_below_the_limit(
    root: Path, keep: Callable[[bytes, float], str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = keep(b"old" * 1000, 10)
    monkeypatch.setenv("MODELRY_HOME", str(root.parent))
    monkeypatch.setenv("MODELRY_CACHE_SIZE", "6kB")
    with connect(url) as registry:
        placed = registry.use("m")
    assert (placed / "model.bin").read_bytes() == b"x" * 5000
    assert [each.size for each in entries(root)] == [5000]
    assert old not in {each.sha256 for each in entries(root)}


def test_a_limit_below_one_model_still_brings_it(root: Path, url: str, tmp_path: Path) -> None:
    with open_client(url, home=root.parent) as client:
        client.limit_cache(0)
        for to in ("first", "second"):
            placed = client.use("m", to=tmp_path / to)
            assert (placed / "model.bin").read_bytes() == b"x" * 5000
            assert entries(root) == []


def test_without_a_limit_all_stays(
    root: Path, keep: Callable[[bytes, float], str], url: str
) -> None:
    keep(b"old" * 1000, 10)
    with open_client(url, home=root.parent) as client:
        client.use("m")
    assert len(entries(root)) == 2


def test_one_that_fetches_while_another_evicts_is_not_disturbed(
    root: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every moment at which a blob lies in the cache is tried."""
    kept = Arrival.keep

    def evicted_at_once(arrival: Arrival, *given: object) -> bool:
        done = kept(arrival, *given)  # type: ignore[arg-type] # passed on
        assert evict(root, 0) == Evicted(0, 0)
        return done

    monkeypatch.setattr(Arrival, "keep", evicted_at_once)
    with open_client(url, home=root.parent) as client:
        placed = client.use("m", to=tmp_path / "here")
    assert (placed / "model.bin").read_bytes() == b"x" * 5000


def test_the_command_lists_and_cleans(
    root: Path, keep: Callable[[bytes, float], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELRY_HOME", str(root.parent))
    run = CliRunner()
    assert run.invoke(app, ["cache", "list"]).stdout.startswith("0 blobs, 0 B in")
    old, new = keep(b"a" * 3000, 10), keep(b"b" * 2000, 20)
    listed = run.invoke(app, ["cache", "list"]).stdout
    assert listed.index(old[:12]) < listed.index(new[:12])
    assert "2 blobs, 5.0 kB" in listed
    cleaned = run.invoke(app, ["cache", "clean", "--to", "2.5kB", "--json"])
    assert json.loads(cleaned.stdout) == {"blobs": 1, "bytes": 3000, "left": 2000}
    told = json.loads(run.invoke(app, ["cache", "list", "--json"]).stdout)
    assert [each["sha256"] for each in told["blobs"]] == [new]
    assert "cleaned: 1 blob, 2.0 kB freed, 0 B left" in run.invoke(app, ["cache", "clean"]).stdout
    assert run.invoke(app, ["cache", "clean", "--to", "much"]).exit_code == 2
