"""What only an object store has to get right: its address, ranges, leases by time, links."""

import hashlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from modelry.blobs.objects import open_objects
from modelry.blobs.objects.address import read_address
from modelry.blobs.objects.store import ObjectBlobs
from modelry.blobs.tree import LocalSources
from modelry.core.errors import Conflict, Corrupt, Invalid, Unavailable
from modelry.testing.blobs import Given, content, digests, keep, some_bytes
from modelry.testing.s3 import fresh_bucket, started_s3
from modelry.testing.uploads import NAME, digest

MIB = 1024 * 1024

_HOLDS = """
import sys, time
from modelry.blobs.objects import open_objects

with open_objects(sys.argv[1]).hold(sys.argv[2].split(",")):
    print("held", flush=True)
    time.sleep(600)
"""

_SENDS = """
import sys
from modelry.blobs.objects import open_objects
from modelry.testing.uploads import NAME, send
from modelry.testing.blobs import some_bytes

print("begin", flush=True)
send(open_objects(sys.argv[1]).uploads, some_bytes(3_000_000), 10_000)
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with started_s3() as started:
        yield started


@pytest.fixture
def uri(endpoint: str) -> str:
    return fresh_bucket(endpoint)


@pytest.fixture
def blobs(uri: str) -> ObjectBlobs:
    return open_objects(uri)


def key(sha256: str) -> str:
    return f"blobs/sha256/{sha256[:2]}/{sha256}"


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("s3://my-bucket", "s3://my-bucket"),
        ("s3://my-bucket/", "s3://my-bucket"),
        ("s3://my.bucket/team/models/?region=eu-west-1", "s3://my.bucket/team/models"),
        ("gs://bucket/some%20where", "gs://bucket/some where"),
        ("az://container/models?timeout=3.5&retries=0", "az://container/models"),
    ],
)
def test_an_address_names_a_place(uri: str, place: str) -> None:
    assert str(read_address(uri)) == place


def test_options_and_the_environment_say_how_to_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    assert read_address("s3://bucket").endpoint == "http://127.0.0.1:9000"
    given = read_address("s3://bucket?endpoint=https://other:1&region=x&lease=7&retry_timeout=2")
    assert (given.endpoint, given.region, given.lease) == ("https://other:1", "x", 7)
    assert given.retry_timeout == 2


@pytest.mark.parametrize(
    "uri",
    [
        "s3://",
        "s3:///prefix",
        "s3://KEY:hunter2@bucket/prefix",
        "s3://bucket/prefix?secret_access_key=hunter2",
        "s3://bucket/prefix?endpoint=http://me:hunter2@127.0.0.1",
        "s3://bucket/prefix?endpoint=127.0.0.1:9000",
        "s3://bucket/../other",
        "s3://bucket/a//b",
        "s3://bucket/#fragment",
        "s3://bucket?timeout=soon",
        "s3://bucket?timeout=0",
        "s3://bucket?retries=-1",
        "s3://bucket?part=100",
        "ftp://bucket",
    ],
)
def test_row_90_a_wrong_address_is_refused_and_no_secret_repeated(uri: str) -> None:
    with pytest.raises(Invalid) as refusal:
        open_objects(uri)
    assert "hunter2" not in f"{refusal.value.message} {refusal.value.facts}"


def test_row_90_credentials_show_in_no_error_and_no_representation(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "hunter2-token")
    away = open_objects("s3://bucket?endpoint=http://127.0.0.1:1&retries=0")
    for run in (away.size, away.uploads.begin):
        with pytest.raises(Unavailable) as refusal:
            run("0" * (64 if run == away.size else 32))
        seen = f"{refusal.value!r} {refusal.value.facts} {refusal.value.__cause__} {away!r}"
        assert "hunter2" not in seen
        assert refusal.value.facts["reason"] == "storage_away"
    assert "hunter2" not in repr(open_objects(uri))


def test_a_store_without_its_bucket_says_so(endpoint: str) -> None:
    nowhere = open_objects(f"s3://no-such-bucket/x?endpoint={endpoint}")
    for run in (
        lambda: keep(nowhere, Given("model", b"bytes")),
        lambda: nowhere.uploads.begin(NAME),
        lambda: digests(nowhere),
    ):
        with pytest.raises(Unavailable, match="no bucket") as refusal:
            run()
        assert refusal.value.facts["reason"] == "storage_missing"


def test_nothing_of_it_is_imported_before_such_a_store_is_opened() -> None:
    script = (
        "import sys, modelry, modelry.wiring, modelry.blobs.local, modelry.blobs.objects\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'obstore'])"
    )
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"


def test_two_prefixes_of_a_bucket_are_two_stores(uri: str) -> None:
    here, there = open_objects(uri), open_objects(uri.replace("/team/models", "/team/model"))
    (file,) = keep(here, Given("model", b"bytes"))
    assert digests(there) == []
    assert there.size(file.sha256) is None
    assert there.remove(file.sha256)
    assert content(here, file.sha256) == b"bytes"


def test_what_others_put_beside_the_blobs_is_passed_over(blobs: ObjectBlobs) -> None:
    (file,) = keep(blobs, Given("model", b"bytes"))
    for name in ("blobs/sha256/notes.txt", f"blobs/sha256/00/{file.sha256}", "blobs/x"):
        blobs._bucket.put(name, b"other")
    assert digests(blobs) == [file.sha256]


@pytest.mark.parametrize("size", [10, 6 * MIB])
@pytest.mark.parametrize("change", ["bytes", "longer", "shorter", "gone"])
def test_row_36_a_file_that_changes_before_it_is_sent_is_a_conflict(
    endpoint: str, tmp_path: Path, size: int, change: str
) -> None:
    blobs = open_objects(fresh_bucket(endpoint, "part=5242880"))
    path = tmp_path / "model.bin"
    path.write_bytes(some_bytes(size))
    with blobs.stage(LocalSources().open(path).files, lambda _size: False) as staged:
        if change == "gone":
            path.unlink()
        else:
            length = {"bytes": size, "longer": size + 1, "shorter": size - 1}[change]
            path.write_bytes(some_bytes(length, 1))
        with pytest.raises(Conflict, match=r"model\.bin"):
            staged.open(staged.files[0])
        with pytest.raises(Conflict, match=r"model\.bin"):
            staged.publish()
    assert digests(blobs) == []


@pytest.mark.parametrize("size", [1, 64 * 1024, 64 * 1024 + 1, 20 * MIB])
def test_a_blob_can_be_read_in_any_order(blobs: ObjectBlobs, size: int) -> None:
    data = some_bytes(size)
    keep(blobs, Given("model", data))
    with blobs.open(digest(data)) as handle:
        assert handle.read(8) == data[:8]
        assert handle.seek(-min(size, 100), 2) == size - min(size, 100)
        assert handle.read() == data[-100:]
        assert handle.read() == b""
        handle.seek(0)
        assert handle.read() == data
        for at in (size // 2, 0, size - 1, size // 3):
            handle.seek(at)
            assert handle.read(1000) == data[at : at + 1000]
        assert handle.seek(size + 5) == size + 5
        assert handle.read(1) == b""
        handle.seek(0)
        found = hashlib.sha256()
        while part := handle.read(300_001):
            found.update(part)
        assert found.hexdigest() == digest(data)


@pytest.mark.parametrize("change", ["gone", "replaced", "other size"])
def test_row_35_a_blob_that_changes_while_it_is_read_is_corrupt(
    blobs: ObjectBlobs, change: str
) -> None:
    data = some_bytes(MIB)
    keep(blobs, Given("model", data))
    with blobs.open(digest(data)) as handle:
        assert handle.read(10) == data[:10]
        if change == "gone":
            assert blobs.remove(digest(data))
        else:
            other = some_bytes(MIB if change == "replaced" else 10, 1)
            blobs._bucket.put(key(digest(data)), other)
        handle.seek(500_000)
        with pytest.raises(Corrupt, match=digest(data)):
            handle.read(10)


def test_row_35_bytes_that_changed_in_the_store_are_found(blobs: ObjectBlobs) -> None:
    (file,) = keep(blobs, Given("model", some_bytes(5000)))
    blobs._bucket.put(key(file.sha256), some_bytes(5000, 1))
    with pytest.raises(Corrupt, match="have changed"):
        blobs.verify(file.sha256, file.size)


def test_row_48_a_lease_is_renewed_while_its_owner_lives_and_ends_some_time_after(
    endpoint: str,
) -> None:
    uri = fresh_bucket(endpoint, "lease=1")
    blobs = open_objects(uri)
    kept, lost = keep(blobs, Given("a", b"kept"), Given("b", b"lost"))
    command = [sys.executable, "-c", _HOLDS, uri, lost.sha256]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline()
        with blobs.hold([kept.sha256]):
            assert not blobs.remove(lost.sha256)
            child.send_signal(signal.SIGKILL)
            while not blobs.remove(lost.sha256):
                time.sleep(0.2)
            assert not blobs.remove(kept.sha256)
        assert blobs.remove(kept.sha256)
    finally:
        child.kill()
        child.communicate()
    assert blobs.sweep(0) > 0
    assert list(blobs._bucket.list("leases")) == []


def test_a_lease_on_everything_covers_every_blob(uri: str, blobs: ObjectBlobs) -> None:
    (file,) = keep(blobs, Given("model", b"bytes"))
    with blobs.hold():
        (later,) = keep(blobs, Given("model", b"later"))
        assert not open_objects(uri).remove(file.sha256)
        assert not blobs.remove(later.sha256)
    assert blobs.remove(file.sha256)


def test_a_process_that_holds_nothing_renews_nothing(blobs: ObjectBlobs) -> None:
    keep(blobs, Given("model", b"bytes"))
    assert list(blobs._bucket.list("leases")) == []
    while (thread := blobs._leases._thread) is not None:
        thread.join(10)


def test_a_link_works_without_credentials_and_for_this_blob_alone(blobs: ObjectBlobs) -> None:
    (file, other) = keep(blobs, Given("a", b"bytes"), Given("b", b"other"))
    address = blobs.link(file.sha256, "model.bin", 60)
    assert address is not None
    assert "not-a-secret" not in address
    assert "X-Amz-Expires=60" in address
    with urlopen(address, timeout=30) as answer:  # noqa: S310 - the address of our own server
        assert answer.read() == b"bytes"
    assert other.sha256 not in address
    assert "X-Amz-Expires=604800" in (blobs.link(file.sha256, "model.bin", 10**9) or "")


def test_row_41_an_upload_survives_kills_at_any_moment(uri: str, blobs: ObjectBlobs) -> None:
    data = some_bytes(3_000_000)
    blobs.uploads.begin(NAME)
    for _ in range(4):
        command = [sys.executable, "-c", _SENDS, uri]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.1)
        child.kill()
        child.communicate()
    at = blobs.uploads.received(NAME)
    assert blobs.uploads.append(NAME, at, data[at:]) == len(data)
    blobs.uploads.finish(NAME, digest(data), len(data))
    assert content(blobs, digest(data)) == data


def test_pieces_of_a_finished_upload_are_gone(blobs: ObjectBlobs) -> None:
    blobs.uploads.begin(NAME)
    for at in range(5):
        blobs.uploads.append(NAME, at, b"x")
    blobs.uploads.finish(NAME, digest(b"xxxxx"), 5)
    names = [each.key.rpartition("/")[2] for each in blobs._bucket.list("uploads")]
    assert sorted(names) == ["begun", f"done-{digest(b'xxxxx')}-5"]
    blobs.uploads.drop(NAME)
    left = [each.key for each in blobs._bucket.list("")]
    assert left == [key(digest(b"xxxxx"))]


@pytest.mark.parametrize("scheme", ["gs", "az"])
def test_other_stores_open_without_a_request(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
    assert (
        repr(open_objects(f"{scheme}://bucket/models"))
        == f"ObjectBlobs('{scheme}://bucket/models')"
    )


def test_a_staging_keeps_little_in_memory(uri: str) -> None:
    """64 MiB more of model take no more memory."""
    peaks = [_peak(uri, mib) for mib in (64, 128)]
    assert peaks[1] - peaks[0] < 32


def _peak(uri: str, mib: int) -> float:
    script = """
import os, sys
from modelry.blobs.objects import open_objects
from modelry.blobs.tree import LocalSources
from pathlib import Path
import tempfile

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "model"
    with path.open("wb") as out:
        for _ in range(int(sys.argv[2])):
            out.write(os.urandom(1024 * 1024))
    with open_objects(sys.argv[1]).stage(LocalSources().open(path).files, lambda _: False) as staged:
        staged.publish()
print(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')))
"""
    command = [sys.executable, "-c", script, uri, str(mib)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(run.stdout) / 1024
