"""Row 46: an object store that fails, at any request and in any way, never makes a blob untrue."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from time import sleep

import pytest
from fault_proxy import FAULTS, FaultProxy, started_proxy

from modelry.blobs.objects import open_objects
from modelry.blobs.objects.store import ObjectBlobs
from modelry.core.errors import Conflict, Corrupt, RegistryError, Unavailable
from modelry.testing.blobs import Given, content, digests, keep, some_bytes
from modelry.testing.s3 import fresh_bucket, started_s3
from modelry.testing.uploads import digest

MIB = 1024 * 1024
SMALL = some_bytes(300_000, 1)
LARGE = some_bytes(5 * MIB + 1, 2)
MIDDLE = some_bytes(700_000, 4)
OLD = Given("old", some_bytes(200_000, 3))
HASTY = "connect_timeout=2&timeout=0.5&retry_timeout=1&retries=1&part=5242880"
PATIENT = "connect_timeout=2&timeout=20&retry_timeout=1.5&retries=3&part=5242880"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with started_s3() as started:
        yield started


@pytest.fixture(scope="module")
def proxy(endpoint: str) -> Iterator[FaultProxy]:
    with started_proxy(endpoint) as started:
        yield started


def stores(endpoint: str, proxy: FaultProxy, options: str) -> tuple[ObjectBlobs, ObjectBlobs]:
    """Answer a store behind the proxy, and a healthy one on the same bucket."""
    uri = fresh_bucket(endpoint, options)
    healthy = open_objects(uri)
    keep(healthy, OLD)
    return open_objects(uri.replace(endpoint, proxy.endpoint)), healthy


def put(blobs: ObjectBlobs, _turn: int) -> None:
    files = keep(blobs, Given("small", SMALL), Given("large", LARGE))
    assert [file.sha256 for file in files] == [digest(SMALL), digest(LARGE)]


def get(blobs: ObjectBlobs, _turn: int) -> None:
    with blobs.open(OLD.sha256) as handle:
        handle.seek(-10, 2)
        assert handle.read() == OLD.data[-10:]
        handle.seek(0)
        assert handle.read() == OLD.data
    blobs.verify(OLD.sha256, OLD.size)


def head(blobs: ObjectBlobs, _turn: int) -> None:
    assert blobs.size(OLD.sha256) == OLD.size
    assert blobs.size("0" * 64) is None


def listing(blobs: ObjectBlobs, _turn: int) -> None:
    assert OLD.sha256 in digests(blobs)


def finish(blobs: ObjectBlobs, turn: int) -> None:
    name, half = f"{turn:032x}", len(MIDDLE) // 2
    blobs.uploads.begin(name)
    blobs.uploads.append(name, 0, MIDDLE[:half])
    blobs.uploads.append(name, half, MIDDLE[half:])
    blobs.uploads.finish(name, digest(MIDDLE), len(MIDDLE))
    assert blobs.uploads.received(name) == len(MIDDLE)


def remove(blobs: ObjectBlobs, _turn: int) -> None:
    with blobs.hold([OLD.sha256]):
        assert not blobs.remove(OLD.sha256)
    blobs.remove(digest(LARGE))
    blobs.sweep(0)


OPERATIONS = [put, get, head, listing, finish, remove]


def attempt(run: Callable[[], None]) -> RegistryError | None:
    try:
        run()
    except (Unavailable, Corrupt, Conflict) as error:
        return error
    return None


def check(healthy: ObjectBlobs) -> None:
    """Every blob that is visible is whole and true; what was there is there."""
    sizes = {info.sha256: info.size for info in healthy.scan()}
    for sha256, size in sizes.items():
        healthy.verify(sha256, size)
    assert content(healthy, OLD.sha256) == OLD.data
    assert set(sizes) <= {OLD.sha256, digest(SMALL), digest(MIDDLE), digest(LARGE)}


def clean(healthy: ObjectBlobs) -> None:
    healthy.uploads.sweep(0)
    leases = [each.key for each in healthy._bucket.list("leases")]
    if leases:
        healthy._bucket.delete(leases)
    for data in (SMALL, MIDDLE, LARGE):
        healthy._bucket.delete([f"blobs/sha256/{digest(data)[:2]}/{digest(data)}"])


@pytest.mark.proof
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("fault", "lasting"), [*((each, False) for each in FAULTS[1:]), ("500", True), ("reset", True)]
)
def test_row_46_a_store_that_fails_at_any_request_gives_an_answer_or_a_clear_refusal(
    endpoint: str,
    proxy: FaultProxy,
    fault: str,
    operation: Callable[[ObjectBlobs, int], None],
    *,
    lasting: bool,
) -> None:
    hasty = fault == "stall" or lasting
    faulty, healthy = stores(endpoint, proxy, HASTY if hasty else PATIENT)
    refusals: list[RegistryError] = []
    for point in count(1):
        with proxy.failing(fault, point, lasting=lasting) as plan:
            refused = attempt(partial(operation, faulty, point))
        check(healthy)
        refusals += [refused] if refused else []
        if not plan.met:
            assert hasty or refused is None
            break
        clean(healthy)
    assert point > 1, "no request was met"
    if fault == "503" and not lasting:
        assert refusals == []
    if lasting:
        assert refusals
    for refusal in refusals:
        assert "not-a-secret" not in f"{refusal!r} {refusal.facts} {refusal.__cause__}"


def test_after_any_fault_a_client_goes_on_where_the_upload_is(
    endpoint: str, proxy: FaultProxy
) -> None:
    faulty, healthy = stores(endpoint, proxy, PATIENT)
    name, at = "a" * 32, 0
    healthy.uploads.begin(name)
    for turn in range(60):
        with proxy.failing(("lost", "reset", "500")[turn % 3], 1 + turn % 4):
            try:
                at = faulty.uploads.append(name, at, LARGE[at : at + 500_000])
            except (Conflict, Unavailable):
                at = healthy.uploads.received(name)
        if at == len(LARGE):
            break
    faulty.uploads.finish(name, digest(LARGE), len(LARGE))
    healthy.verify(digest(LARGE), len(LARGE))


def test_a_registration_that_was_cut_off_for_longer_than_its_lease_publishes_nothing(
    endpoint: str, proxy: FaultProxy
) -> None:
    faulty, healthy = stores(endpoint, proxy, f"{HASTY}&lease=0.5")
    given = Given("small", SMALL)
    with faulty.stage([given], lambda _size: False) as staged:
        with proxy.failing("reset", lasting=True) as plan:
            sleep(1)
        assert plan.met, "the lease is renewed all the time"
        with pytest.raises(Unavailable, match="may have been collected"):
            staged.publish()
    check(healthy)
