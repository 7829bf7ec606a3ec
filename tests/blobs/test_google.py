"""Blobs on Google Cloud Storage keep the promises of the ports."""

import json
import os
from collections.abc import Callable, Iterator
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from modelry.blobs.objects import open_objects
from modelry.blobs.objects.store import ObjectBlobs
from modelry.core.ports import Blobs
from modelry.testing.blobs import BlobsConformance, Given, keep
from modelry.testing.google import KEY, fresh_google_bucket, started_google
from modelry.testing.s3 import QUICK
from modelry.testing.uploads import UploadsConformance


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with started_google() as started:
        yield started


@pytest.fixture
def again(endpoint: str) -> Callable[[], ObjectBlobs]:
    uri = fresh_google_bucket(endpoint)
    return lambda: open_objects(uri)


@pytest.fixture
def blobs(again: Callable[[], ObjectBlobs]) -> ObjectBlobs:
    return again()


@pytest.fixture
def signs(again: Callable[[], ObjectBlobs], monkeypatch: pytest.MonkeyPatch) -> ObjectBlobs:
    """The same place, opened with an account that signs as it does at Google.

    Such an account fetches tokens from Google for everything but signing.
    """
    account = {**json.loads(os.environ[KEY]), "disable_oauth": False}
    monkeypatch.setenv(KEY, json.dumps(account))
    return again()


class TestGoogleBlobs(BlobsConformance):
    def test_a_link_answers_the_bytes_to_anybody(  # type: ignore[override] # another account signs
        self, blobs: Blobs, signs: ObjectBlobs
    ) -> None:
        given = Given("model.bin", os.urandom(5000))
        keep(blobs, given)
        address = signs.link(given.sha256, "model.bin", 60)
        assert address is not None
        with urlopen(address, timeout=30) as answer:  # noqa: S310 - the store's own address
            assert answer.read() == given.data
        for old, new in (("X-Goog-Expires=60", "X-Goog-Expires=99"), ("/blobs/", "/other/")):
            assert old in address
            with pytest.raises(HTTPError, match="403"):
                urlopen(address.replace(old, new), timeout=30)  # noqa: S310 - the same


class TestGoogleUploads(UploadsConformance):
    pass


def test_a_large_blob_travels_in_parts(endpoint: str) -> None:
    blobs = open_objects(fresh_google_bucket(endpoint, f"{QUICK}&part=5242880"))
    given = Given("model.bin", os.urandom(12 * 1024 * 1024))
    keep(blobs, given)
    with blobs.open(given.sha256) as stored:
        assert stored.read() == given.data
