"""Blobs in an object store keep the promises of the ports."""

from collections.abc import Callable, Iterator

import pytest

from modelry.blobs.objects import open_objects
from modelry.blobs.objects.store import ObjectBlobs
from modelry.testing.blobs import BlobsConformance
from modelry.testing.s3 import fresh_bucket, started_s3
from modelry.testing.uploads import UploadsConformance


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with started_s3() as started:
        yield started


@pytest.fixture
def again(endpoint: str) -> Callable[[], ObjectBlobs]:
    uri = fresh_bucket(endpoint)
    return lambda: open_objects(uri)


@pytest.fixture
def blobs(again: Callable[[], ObjectBlobs]) -> ObjectBlobs:
    return again()


class TestObjectBlobs(BlobsConformance):
    pass


class TestObjectUploads(UploadsConformance):
    pass
