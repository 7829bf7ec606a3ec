"""Blobs on a local disk keep the promises of the ports."""

from collections.abc import Callable
from pathlib import Path

import pytest

from modelry.blobs.local import LocalBlobs
from modelry.testing.blobs import BlobsConformance, Given, keep
from modelry.testing.uploads import UploadsConformance


@pytest.fixture
def again(tmp_path: Path) -> Callable[[], LocalBlobs]:
    return lambda: LocalBlobs(tmp_path / "blobs")


@pytest.fixture
def blobs(again: Callable[[], LocalBlobs]) -> LocalBlobs:
    return again()


class TestLocalBlobs(BlobsConformance):
    pass


class TestLocalUploads(UploadsConformance):
    pass


def test_a_local_disk_has_no_address_to_fetch_from(blobs: LocalBlobs) -> None:
    (file,) = keep(blobs, Given("model", b"bytes"))
    assert blobs.link(file.sha256, "model", 60) is None
