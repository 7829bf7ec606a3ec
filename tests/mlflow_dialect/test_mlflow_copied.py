"""What lies in a bucket that the operator named is copied from there, and sealed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from server_site import Site, site_on

from modelry.blobs.objects.address import read_address
from modelry.blobs.objects.bucket import Bucket
from modelry.blobs.objects.sources import BucketSources
from modelry.core.errors import Invalid, NotFound
from modelry.testing.s3 import QUICK, fresh_bucket, started_s3

API = "/api/2.0/mlflow"
FILES = {
    "MLmodel": b"flavors: {}\n",
    "data/model.bin": bytes(range(256)) * 40_000,
    "data/empty": b"",
}


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The address of a bucket with a model in it, and something beside."""
    with started_s3() as endpoint:
        address = fresh_bucket(endpoint)
        place = address.partition("?")[0]
        full = Bucket(read_address(f"{place}?endpoint={endpoint}&{QUICK}"))
        for path, data in FILES.items():
            full.put(f"models/churn/{path}", data)
        full.put("models/churn-2/other", b"other")
        full.put("secret/plan", b"secret")
        full.put("models/twins/a", b"1")
        full.put("models/twins/A", b"2")
        yield address


@pytest.fixture(scope="module")
def copying(bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    place, _, options = bucket.partition("?")
    named = f"{place}/models?{options}"
    with site_on(tmp_path_factory.mktemp("copying"), mlflow_copied=[named]) as site:
        yield site


def place_of(bucket: str, path: str) -> str:
    return f"{bucket.partition('?')[0]}/{path}"


def created(site: Site, source: str, name: str = "churn") -> Any:  # noqa: ANN401 - a document
    site.admin.post(f"{API}/registered-models/create", {"name": name})
    asked = {"name": name, "source": source, "tags": [{"key": "team", "value": "risk"}]}
    return site.admin.post(f"{API}/model-versions/create", asked)


def test_a_folder_of_a_bucket_is_copied_and_sealed(copying: Site, bucket: str) -> None:
    source = place_of(bucket, "models/churn")
    made = created(copying, source).json()["model_version"]
    assert (made["status"], made["source"]) == ("READY", source)
    listed = copying.admin.get(f"{API}/model-versions/get-download-uri",
                               params={"name": "churn", "version": made["version"]})  # fmt: skip
    root = listed.json()["artifact_uri"].removeprefix(copying.admin.base)
    for path, data in FILES.items():
        answer = copying.admin.get(f"{root}/{path}")
        assert (answer.content, answer.headers["etag"]) == (
            data, f'"{hashlib.sha256(data).hexdigest()}"')  # fmt: skip
    assert made["tags"] == [{"key": "team", "value": "risk"}]


def test_one_object_is_a_version_too(copying: Site, bucket: str) -> None:
    made = created(copying, place_of(bucket, "models/churn/data/model.bin"), "file")
    assert made.status_code == 200
    assert made.json()["model_version"]["status"] == "READY"


def test_what_is_not_below_a_named_place_is_kept_by_its_address(copying: Site, bucket: str) -> None:
    for path in ("secret", "modelsX/churn", "", "models/churn?endpoint=http://elsewhere"):
        source = place_of(bucket, path).rstrip("/")
        version = created(copying, source, "by-address").json()["model_version"]["version"]
        asked = {"name": "by-address", "version": version}
        uri = copying.admin.get(f"{API}/model-versions/get-download-uri", params=asked).json()
        assert uri["artifact_uri"] == source


@pytest.mark.parametrize("path", ["models/absent", "models/chur"])
def test_where_nothing_lies_nothing_is_registered(copying: Site, bucket: str, path: str) -> None:
    answer = created(copying, place_of(bucket, path), "nothing")
    assert answer.status_code in {400, 404}
    assert "nothing lies at" in answer.json()["message"]
    assert copying.admin.get(f"{API}/model-versions/get", params={
        "name": "nothing", "version": "1"}).status_code == 404  # fmt: skip


def test_names_that_no_version_can_have_are_refused(copying: Site, bucket: str) -> None:
    answer = created(copying, place_of(bucket, "models/twins"), "twins")
    assert (answer.status_code, "one file on some systems" in answer.json()["message"]) == (
        400,
        True,
    )


def test_a_model_has_to_be_there(copying: Site, bucket: str) -> None:
    source = place_of(bucket, "models/churn")
    answer = copying.admin.post(
        f"{API}/model-versions/create", {"name": "absent", "source": source}
    )
    assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize("place", ["s3://kept", "s3://kept/registry", "s3://kept/registry/blobs/x"])
def test_a_place_with_the_registry_s_own_blobs_is_refused(place: str) -> None:
    with pytest.raises(Invalid, match="holds blobs of this registry"):
        BucketSources([place], own="s3://kept/registry?region=x")
    assert BucketSources(["s3://kept/other"], own="s3://kept/registry")
    assert BucketSources([place], own="file:///srv/blobs")


def test_a_setting_that_is_no_place_is_refused_at_the_start() -> None:
    with pytest.raises(Invalid, match="not a place in an object store"):
        BucketSources(["/srv/models"])


def test_nothing_is_asked_of_a_bucket_that_was_not_named(bucket: str) -> None:
    sources = BucketSources([bucket])
    assert sources.open("s3://another/models") is None
    assert sources.open("gs://another") is None
    assert sources.open("not an address") is None
    with pytest.raises(NotFound):
        sources.open(place_of(bucket, "absent"))


def test_a_file_is_read_as_the_one_that_was_found(bucket: str) -> None:
    source = BucketSources([bucket]).open(place_of(bucket, "models/churn"))
    assert source is not None
    assert {file.path: file.size for file in source.files} == {
        path: len(data) for path, data in FILES.items()
    }
    for file in source.files:
        with file.open() as handle:
            assert handle.read() == FILES[file.path]
