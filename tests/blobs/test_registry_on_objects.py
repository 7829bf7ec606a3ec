"""A registry whose bytes are in an object store: the verbs notice nothing."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from modelry.blobs.objects import open_objects
from modelry.blobs.objects.store import ObjectBlobs
from modelry.blobs.shelf import LocalShelf
from modelry.core.errors import Corrupt
from modelry.core.registry import Registry
from modelry.stores.memory import MemoryStore
from modelry.testing.blobs import digests, some_bytes
from modelry.testing.fakes import world_on
from modelry.testing.s3 import fresh_bucket, started_s3


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with started_s3() as started:
        yield started


@pytest.fixture
def blobs(endpoint: str) -> ObjectBlobs:
    return open_objects(fresh_bucket(endpoint))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    (made / "parts").mkdir(parents=True)
    (made / "config.json").write_text('{"model_type": "bert"}')
    for at in range(4):
        (made / "parts" / f"{at}.bin").write_bytes(some_bytes(700_000, at % 3))
    return made


def registry_on(blobs: ObjectBlobs, home: Path) -> Registry:
    world = world_on(MemoryStore(), home)
    return Registry(replace(world, blobs=blobs, shelf=LocalShelf(home / "use", blobs)))


def test_a_version_is_registered_used_verified_and_collected(
    blobs: ObjectBlobs, folder: Path, tmp_path: Path
) -> None:
    registry = registry_on(blobs, tmp_path / "home")
    version = registry.register("m", folder)
    assert len(digests(blobs)) == 4
    used = registry.use("m")
    assert (used / "parts" / "3.bin").read_bytes() == some_bytes(700_000, 0)
    assert registry.verify().problems == ()
    assert registry.gc(grace=0).blobs == 0
    registry.delete(version.ref)
    assert registry.purge(version.ref).blobs == 4
    assert digests(blobs) == []


def test_an_export_is_taken_in_by_a_registry_on_another_store(
    blobs: ObjectBlobs, endpoint: str, folder: Path, tmp_path: Path
) -> None:
    registry = registry_on(blobs, tmp_path / "home")
    registry.register("m", folder)
    archive = io.BytesIO()
    registry.export(archive)
    archive.seek(0)
    other_blobs = open_objects(fresh_bucket(endpoint))
    other = registry_on(other_blobs, tmp_path / "other")
    other.import_(archive)
    assert digests(other_blobs) == digests(blobs)
    assert other.verify().problems == ()


def test_row_35_a_version_whose_bytes_changed_in_the_store_is_not_used(
    blobs: ObjectBlobs, folder: Path, tmp_path: Path
) -> None:
    registry = registry_on(blobs, tmp_path / "home")
    version = registry.register("m", folder)
    file = next(each for each in version.files if each.path == "parts/1.bin")
    blobs._bucket.put(f"blobs/sha256/{file.sha256[:2]}/{file.sha256}", some_bytes(file.size, 9))
    with pytest.raises(Corrupt, match=r"parts/1\.bin"):
        registry.use("m")
    assert len(registry.verify().problems) == 1
