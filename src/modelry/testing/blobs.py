"""The promises of the port `Blobs`, one test each; subclass it and supply a fixture.

    class TestMyBlobs(BlobsConformance):
        @pytest.fixture
        def blobs(self, tmp_path):
            return MyBlobs(tmp_path)

Every test gets an empty store of its own.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO
from urllib.request import urlopen

import pytest

from modelry.core.errors import Conflict, Corrupt, Invalid, Unavailable
from modelry.core.model import File
from modelry.core.ports import Blobs, Staged

SIZES = (0, 1, 1023, 1024 * 1024, 1024 * 1024 + 1, 3 * 1024 * 1024 + 17)
ABSENT = "0" * 64


@dataclass
class Given:
    """A file in memory, on its way in; `size` may lie about `data`."""

    path: str
    data: bytes
    size: int = -1

    def __post_init__(self) -> None:
        """Tell the truth about the size where nothing else was said."""
        self.size = len(self.data) if self.size < 0 else self.size

    @property
    def sha256(self) -> str:
        """The digest that a store should find."""
        return hashlib.sha256(self.data).hexdigest()

    def open(self) -> BinaryIO:
        """Open for reading from the start."""
        return io.BytesIO(self.data)


class Unreadable(Given):
    """A file that cannot be read although it can be opened."""

    def open(self) -> BinaryIO:
        """Open something that fails at the first read."""
        return _Failing()


class _Failing(io.BytesIO):
    def read(self, _size: int | None = -1, /) -> bytes:
        raise OSError(5, "Input/output error")

    def readinto(self, _buffer: object, /) -> int:
        raise OSError(5, "Input/output error")


def some_bytes(size: int, seed: int = 0) -> bytes:
    """Answer `size` bytes that depend on `seed` from the first to the last."""
    block = b"".join(hashlib.sha256(b"%d %d" % (seed, index)).digest() for index in range(97))
    return (block * (size // len(block) + 1))[:size]


def keep(blobs: Blobs, *files: Given, known: bool = False) -> Sequence[File]:
    """Stage and publish `files`; `known` is what is said of every size."""
    with blobs.stage(files, lambda _size: known) as staged:
        staged.publish()
        return staged.files


def content(blobs: Blobs, sha256: str) -> bytes:
    """Answer all bytes of a blob."""
    with blobs.open(sha256) as handle:
        return handle.read()


def digests(blobs: Blobs) -> list[str]:
    """Name every blob in the store, sorted."""
    return sorted(info.sha256 for info in blobs.scan())


class StagingConformance:
    """What `stage` and `Staged` promise."""

    @pytest.mark.parametrize("known", [False, True])
    @pytest.mark.parametrize("size", SIZES)
    def test_published_bytes_are_found_under_their_sha256(
        self, blobs: Blobs, size: int, *, known: bool
    ) -> None:
        given = Given("model.bin", some_bytes(size))
        assert keep(blobs, given, known=known) == (File("model.bin", given.sha256, size),)
        assert blobs.size(given.sha256) == size
        assert content(blobs, given.sha256) == given.data
        blobs.verify(given.sha256, size)

    def test_staged_files_come_in_the_order_they_were_given(self, blobs: Blobs) -> None:
        given = [Given(f"{name}.bin", some_bytes(7 * at, at)) for at, name in enumerate("zaxb")]
        with blobs.stage(given, lambda _size: False) as staged:
            assert [file.path for file in staged.files] == ["z.bin", "a.bin", "x.bin", "b.bin"]
            assert [file.sha256 for file in staged.files] == [file.sha256 for file in given]

    @pytest.mark.parametrize("size", SIZES)
    def test_staged_bytes_can_be_read_before_and_after_they_are_published(
        self, blobs: Blobs, size: int
    ) -> None:
        given = Given("model.bin", some_bytes(size))
        with blobs.stage([given], lambda _size: False) as staged:
            assert _read(staged, staged.files[0]) == given.data
            staged.publish()
            assert _read(staged, staged.files[0]) == given.data

    def test_a_blob_is_absent_until_it_is_published(self, blobs: Blobs) -> None:
        given = Given("model.bin", some_bytes(5000))
        with blobs.stage([given], lambda _size: False):
            assert blobs.size(given.sha256) is None
            assert digests(blobs) == []

    @pytest.mark.parametrize("size", SIZES)
    def test_leaving_without_publishing_keeps_nothing(self, blobs: Blobs, size: int) -> None:
        given = Given("model.bin", some_bytes(size))
        with blobs.stage([given], lambda _size: False):
            pass
        assert blobs.size(given.sha256) is None
        assert blobs.sweep(0) == 0

    def test_publishing_twice_is_the_same_as_once(self, blobs: Blobs) -> None:
        given = Given("model.bin", some_bytes(100))
        with blobs.stage([given], lambda _size: False) as staged:
            staged.publish()
            staged.publish()
        assert digests(blobs) == [given.sha256]

    @pytest.mark.parametrize("known", [False, True])
    @pytest.mark.parametrize("size", SIZES)
    def test_equal_files_are_one_blob(self, blobs: Blobs, size: int, *, known: bool) -> None:
        given = [Given(f"{name}.bin", some_bytes(size)) for name in "abcdefgh"]
        files = keep(blobs, *given, known=known)
        assert {file.sha256 for file in files} == {given[0].sha256}
        assert digests(blobs) == [given[0].sha256]

    @pytest.mark.parametrize("size", SIZES)
    def test_bytes_that_are_here_are_kept_once(self, blobs: Blobs, size: int) -> None:
        given = Given("model.bin", some_bytes(size))
        assert keep(blobs, given) == keep(blobs, given, known=True)
        assert digests(blobs) == [given.sha256]
        assert content(blobs, given.sha256) == given.data

    def test_many_files_arrive_whole(self, blobs: Blobs) -> None:
        given = [Given(f"part-{at}", some_bytes(at * 13, at % 50)) for at in range(200)]
        keep(blobs, *given)
        assert digests(blobs) == sorted({file.sha256 for file in given})

    @pytest.mark.parametrize("known", [False, True])
    @pytest.mark.parametrize("lie", [-1, 1])
    @pytest.mark.parametrize("size", [10, 2 * 1024 * 1024])
    def test_row_36_a_file_of_another_length_than_announced_is_a_conflict(
        self, blobs: Blobs, size: int, lie: int, *, known: bool
    ) -> None:
        given = Given("model.bin", some_bytes(size), size + lie)
        with pytest.raises(Conflict, match=r"model\.bin"):
            keep(blobs, Given("other.bin", b"other"), given, known=known)
        assert digests(blobs) == []
        assert blobs.sweep(0) == 0

    @pytest.mark.parametrize("size", [10, 2 * 1024 * 1024])
    def test_a_file_that_cannot_be_read_stops_the_staging(self, blobs: Blobs, size: int) -> None:
        given = Unreadable("model.bin", some_bytes(size))
        with pytest.raises(Unavailable, match=r"model\.bin"):
            keep(blobs, Given("other.bin", b"other"), given)
        assert digests(blobs) == []
        assert blobs.sweep(0) == 0

    def test_staging_from_many_threads_at_once_keeps_every_blob_whole(self, blobs: Blobs) -> None:
        given = [Given(f"{at}.bin", some_bytes(1024 * 1024 + at, at)) for at in range(3)]

        def run(at: int) -> None:
            keep(blobs, *given, known=bool(at % 2))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(run, range(16)))
        for file in given:
            blobs.verify(file.sha256, file.size)
        assert digests(blobs) == sorted(file.sha256 for file in given)

    def test_progress_ends_with_everything_and_never_runs_twice_at_once(self, blobs: Blobs) -> None:
        alone = threading.Lock()
        calls: list[tuple[int, int]] = []

        def progress(_what: str, done: int, total: int) -> None:
            assert alone.acquire(blocking=False), "two threads called at once"
            calls.append((done, total))
            alone.release()

        given = [Given(f"{at}.bin", some_bytes(2_000_000, at)) for at in range(4)]
        with blobs.stage(given, lambda _size: False, progress):
            pass
        assert calls[-1] == (8_000_000, 8_000_000)
        assert [done for done, _ in calls] == sorted(done for done, _ in calls)

    def test_a_failing_progress_stops_the_staging(self, blobs: Blobs) -> None:
        def progress(_what: str, _done: int, _total: int) -> None:
            raise KeyboardInterrupt

        given = Given("model.bin", some_bytes(2_000_000))
        with pytest.raises(KeyboardInterrupt), blobs.stage([given], lambda _size: False, progress):
            pass
        assert blobs.sweep(0) == 0


class LeaseConformance:
    """What `hold`, `remove` and `sweep` promise."""

    def test_a_removed_blob_is_gone(self, blobs: Blobs) -> None:
        (file,) = keep(blobs, Given("model.bin", b"bytes"))
        assert blobs.remove(file.sha256)
        assert blobs.size(file.sha256) is None
        assert digests(blobs) == []

    def test_removing_what_is_absent_says_that_it_is_gone(self, blobs: Blobs) -> None:
        assert blobs.remove(ABSENT)

    @pytest.mark.parametrize("size", [5, 2 * 1024 * 1024])
    def test_row_48_a_blob_that_a_staging_relies_on_is_not_removed(
        self, blobs: Blobs, size: int
    ) -> None:
        given = Given("model.bin", some_bytes(size))
        keep(blobs, given)
        with blobs.stage([given], lambda _size: True) as staged:
            assert not blobs.remove(given.sha256)
            staged.publish()
            assert not blobs.remove(given.sha256)
            assert blobs.size(given.sha256) == size
        assert blobs.remove(given.sha256)

    def test_row_48_a_published_blob_is_not_removed_before_the_staging_ends(
        self, blobs: Blobs
    ) -> None:
        given = Given("model.bin", some_bytes(2_000_000))
        with blobs.stage([given], lambda _size: False) as staged:
            staged.publish()
            assert not blobs.remove(given.sha256)
        assert blobs.remove(given.sha256)

    def test_a_held_blob_is_not_removed_and_others_are(self, blobs: Blobs) -> None:
        held, free = keep(blobs, Given("a", b"held"), Given("b", b"free"))
        with blobs.hold([held.sha256]):
            assert not blobs.remove(held.sha256)
            assert blobs.remove(free.sha256)
        assert blobs.remove(held.sha256)

    def test_a_blob_is_held_until_its_last_holder_is_done(self, blobs: Blobs) -> None:
        (file,) = keep(blobs, Given("a", b"held"))
        with ExitStack() as first, blobs.hold([file.sha256]):
            first.enter_context(blobs.hold([file.sha256]))
            first.close()
            assert not blobs.remove(file.sha256)

    def test_thousands_of_digests_can_be_held(self, blobs: Blobs) -> None:
        (file,) = keep(blobs, Given("a", b"held"))
        many = [hashlib.sha256(b"%d" % at).hexdigest() for at in range(5000)]
        with blobs.hold([*many, file.sha256]):
            assert not blobs.remove(file.sha256)

    def test_sweep_leaves_bytes_of_the_living_alone(self, blobs: Blobs) -> None:
        given = Given("model.bin", some_bytes(2_000_000))
        with blobs.stage([given], lambda _size: False) as staged:
            assert blobs.sweep(0) == 0
            staged.publish()
        assert content(blobs, given.sha256) == given.data

    def test_sweep_leaves_blobs_alone(self, blobs: Blobs) -> None:
        (file,) = keep(blobs, Given("a", b"bytes"))
        blobs.sweep(0)
        blobs.verify(file.sha256, file.size)


class ReadingConformance:
    """What `size`, `open`, `verify` and `scan` promise."""

    def test_an_absent_blob_has_no_size_and_is_corrupt_when_read(self, blobs: Blobs) -> None:
        keep(blobs, Given("a", b"bytes"))
        assert blobs.size(ABSENT) is None
        with pytest.raises(Corrupt, match=ABSENT):
            blobs.open(ABSENT)
        with pytest.raises(Corrupt, match=ABSENT):
            blobs.verify(ABSENT, 5)

    def test_an_empty_store_answers_that_it_holds_nothing(self, blobs: Blobs) -> None:
        assert digests(blobs) == []
        assert blobs.size(ABSENT) is None
        assert blobs.sweep(0) == 0

    def test_row_36_a_blob_of_another_size_than_recorded_is_corrupt(self, blobs: Blobs) -> None:
        (file,) = keep(blobs, Given("a", b"bytes"))
        with pytest.raises(Corrupt, match=file.sha256):
            blobs.verify(file.sha256, file.size + 1)

    def test_verifying_tells_its_progress(self, blobs: Blobs) -> None:
        (file,) = keep(blobs, Given("a", some_bytes(3_000_000)))
        calls: list[tuple[int, int]] = []
        blobs.verify(file.sha256, file.size, lambda _what, done, total: calls.append((done, total)))
        assert calls[-1] == (3_000_000, 3_000_000)

    def test_scan_answers_every_blob_with_its_size_and_age(self, blobs: Blobs) -> None:
        files = keep(blobs, *(Given(f"{at}", some_bytes(at, at)) for at in range(20)))
        found = {info.sha256: info for info in blobs.scan()}
        assert {info.sha256: info.size for info in found.values()} == {
            file.sha256: file.size for file in files
        }
        assert all(0 <= info.age < 3600 for info in found.values())

    @pytest.mark.parametrize(
        "name", ["", "abc", "A" * 64, "g" * 64, "../" + "a" * 61, "a" * 63 + "\n", "é" * 64]
    )
    def test_row_1_only_a_sha256_names_a_blob(self, blobs: Blobs, name: str) -> None:
        for ask in (blobs.size, blobs.open, blobs.remove):
            with pytest.raises(Invalid):
                ask(name)
        with pytest.raises(Invalid):
            blobs.verify(name, 1)
        with pytest.raises(Invalid), blobs.hold([name]):
            pass


class LinkConformance:
    """What `link` promises, of a store that has addresses and of one that has none."""

    def test_a_link_answers_the_bytes_to_anybody(self, blobs: Blobs) -> None:
        given = Given("model.bin", some_bytes(5000))
        keep(blobs, given)
        address = blobs.link(given.sha256, "model.bin", 60)
        if address is not None:
            with urlopen(address, timeout=30) as answer:  # noqa: S310 - the store's own address
                assert answer.read() == given.data

    def test_row_1_a_link_leads_to_blobs_alone(self, blobs: Blobs) -> None:
        with pytest.raises(Invalid):
            blobs.link("../../etc/passwd", "passwd", 60)


class BlobsConformance(StagingConformance, LeaseConformance, ReadingConformance, LinkConformance):
    """Everything that the port `Blobs` promises; supply a fixture `blobs`."""


def _read(staged: Staged, file: File) -> bytes:
    with staged.open(file) as handle:
        return handle.read()
