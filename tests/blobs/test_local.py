"""Blobs on a local disk keep the promises of the port."""

from pathlib import Path

import pytest

from modelry.blobs.local import LocalBlobs
from modelry.testing.blobs import BlobsConformance


class TestLocalBlobs(BlobsConformance):
    @pytest.fixture
    def blobs(self, tmp_path: Path) -> LocalBlobs:
        return LocalBlobs(tmp_path / "blobs")
