"""The promises of the port `Uploads`, one test each; subclass it and supply two fixtures.

    class TestMyUploads(UploadsConformance):
        @pytest.fixture
        def again(self, tmp_path):
            return lambda: MyBlobs(tmp_path)

        @pytest.fixture
        def blobs(self, again):
            return again()

`again` opens the store of `blobs` once more, as another process would. Every
test gets an empty store of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from modelry.core.errors import Conflict, Invalid, NotFound
from modelry.core.ports import Blobs, Uploads
from modelry.testing.blobs import Given, content, digests, keep, some_bytes

MIB = 1024 * 1024
NAME = "0123456789abcdef" * 2
OTHER = "f" * 32
FORGED = ["", "abc", "A" * 32, "g" * 32, "a" * 33, "../../" + "a" * 26, "a" * 31 + "\n", "é" * 32]

Again = Callable[[], Blobs]


def digest(data: bytes) -> str:
    """Answer the sha256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def send(uploads: Uploads, data: bytes, size: int = MIB, name: str = NAME) -> None:
    """Send `data`, from where the upload is, in pieces of `size` bytes."""
    at = uploads.received(name)
    while at < len(data):
        at = uploads.append(name, at, data[at : at + size])


def upload(uploads: Uploads, data: bytes, name: str = NAME) -> str:
    """Begin, send and finish an upload; answer its digest."""
    uploads.begin(name)
    send(uploads, data, name=name)
    uploads.finish(name, digest(data), len(data))
    return digest(data)


class ReceivingConformance:
    """What `begin`, `received` and `append` promise."""

    def test_a_new_upload_is_empty(self, blobs: Blobs) -> None:
        blobs.uploads.begin(NAME)
        assert blobs.uploads.received(NAME) == 0

    def test_an_upload_is_begun_once(self, blobs: Blobs, again: Again) -> None:
        blobs.uploads.begin(NAME)
        blobs.uploads.append(NAME, 0, b"bytes")
        with pytest.raises(Conflict):
            again().uploads.begin(NAME)
        assert blobs.uploads.received(NAME) == 5

    @pytest.mark.parametrize("name", FORGED)
    def test_row_1_a_forged_name_is_not_found(self, blobs: Blobs, name: str) -> None:
        uploads = blobs.uploads
        for ask in (uploads.begin, uploads.received, uploads.drop):
            with pytest.raises(NotFound):
                ask(name)
        with pytest.raises(NotFound):
            uploads.append(name, 0, b"bytes")
        with pytest.raises(NotFound):
            uploads.finish(name, digest(b""), 0)
        assert uploads.sweep(0) == 0

    def test_an_unknown_upload_is_not_found(self, blobs: Blobs) -> None:
        uploads = blobs.uploads
        for _ in ("an empty store", "one that holds another upload"):
            with pytest.raises(NotFound):
                uploads.received(NAME)
            with pytest.raises(NotFound):
                uploads.append(NAME, 0, b"bytes")
            with pytest.raises(NotFound):
                uploads.finish(NAME, digest(b""), 0)
            uploads.drop(OTHER)
            uploads.begin(OTHER)

    def test_every_piece_moves_the_end(self, blobs: Blobs) -> None:
        blobs.uploads.begin(NAME)
        assert blobs.uploads.append(NAME, 0, b"by") == 2
        assert blobs.uploads.received(NAME) == 2
        assert blobs.uploads.append(NAME, 2, memoryview(b"tes")) == 5
        assert blobs.uploads.received(NAME) == 5

    def test_an_empty_piece_changes_nothing(self, blobs: Blobs) -> None:
        blobs.uploads.begin(NAME)
        assert blobs.uploads.append(NAME, 0, b"") == 0
        assert blobs.uploads.append(NAME, 0, b"bytes") == 5
        assert blobs.uploads.append(NAME, 5, b"") == 5
        assert blobs.uploads.received(NAME) == 5

    @pytest.mark.parametrize("offset", [0, 1, 4, 6, 10**15])
    def test_a_piece_that_does_not_fit_tells_where_to_go_on(
        self, blobs: Blobs, offset: int
    ) -> None:
        blobs.uploads.begin(NAME)
        blobs.uploads.append(NAME, 0, b"bytes")
        with pytest.raises(Conflict, match="go on at 5") as refusal:
            blobs.uploads.append(NAME, offset, b"other")
        assert refusal.value.facts["received"] == 5
        blobs.uploads.finish(NAME, digest(b"bytes"), 5)
        assert content(blobs, digest(b"bytes")) == b"bytes"

    def test_of_pieces_that_arrive_at_once_one_is_taken(self, blobs: Blobs, again: Again) -> None:
        blobs.uploads.begin(NAME)
        given = [some_bytes(MIB + at, at) for at in range(4)]
        stores, ready = [blobs, again(), blobs, again()], Barrier(4)

        def append(at: int) -> int | None:
            ready.wait()
            try:
                return stores[at].uploads.append(NAME, 0, given[at])
            except Conflict:
                return None

        with ThreadPoolExecutor(4) as pool:
            taken = [at for at, end in enumerate(pool.map(append, range(4))) if end is not None]
        assert len(taken) == 1
        data = given[taken[0]]
        assert blobs.uploads.received(NAME) == len(data)
        blobs.uploads.finish(NAME, digest(data), len(data))
        assert content(blobs, digest(data)) == data


class TellingConformance:
    """What `digest` promises."""

    @pytest.mark.parametrize("unsaid", [False, True])
    @pytest.mark.parametrize("restart", [False, True])
    def test_the_digest_of_what_has_arrived_is_told(
        self, blobs: Blobs, again: Again, *, unsaid: bool, restart: bool
    ) -> None:
        data = some_bytes(MIB + 10)
        blobs.uploads.begin(NAME, unsaid=unsaid)
        for at, end in ((0, 0), (0, 10), (10, MIB), (MIB, MIB + 10)):
            blobs.uploads.append(NAME, at, data[at:end])
            asked = again() if restart else blobs
            assert asked.uploads.digest(NAME) == (digest(data[:end]), end)
        blobs.uploads.finish(NAME, *blobs.uploads.digest(NAME))
        assert content(blobs, digest(data)) == data
        assert again().uploads.digest(NAME) == (digest(data), len(data))

    def test_a_piece_that_came_by_another_process_is_in_the_digest(
        self, blobs: Blobs, again: Again
    ) -> None:
        blobs.uploads.begin(NAME, unsaid=True)
        blobs.uploads.append(NAME, 0, b"by")
        again().uploads.append(NAME, 2, b"tes")
        blobs.uploads.append(NAME, 5, b" more")
        assert blobs.uploads.digest(NAME) == (digest(b"bytes more"), 10)
        blobs.uploads.finish(NAME, digest(b"bytes more"), 10)
        assert content(blobs, digest(b"bytes more")) == b"bytes more"

    @pytest.mark.parametrize("restart", [False, True])
    def test_what_has_arrived_can_be_read(
        self, blobs: Blobs, again: Again, *, restart: bool
    ) -> None:
        data = some_bytes(2 * MIB + 10)
        blobs.uploads.begin(NAME)
        assert list(blobs.uploads.read(NAME)) == []
        blobs.uploads.append(NAME, 0, data[:10])
        blobs.uploads.append(NAME, 10, data[10:])
        asked = again() if restart else blobs
        assert b"".join(asked.uploads.read(NAME)) == data
        assert blobs.uploads.received(NAME) == len(data)

    def test_what_is_no_upload_or_none_any_more_is_not_read(self, blobs: Blobs) -> None:
        upload(blobs.uploads, b"bytes")
        for name in (*FORGED, OTHER, NAME):
            with pytest.raises(NotFound):
                list(blobs.uploads.read(name))

    def test_of_no_upload_no_digest_is_told(self, blobs: Blobs) -> None:
        for name in (*FORGED, NAME):
            with pytest.raises(NotFound):
                blobs.uploads.digest(name)
        blobs.uploads.begin(NAME, unsaid=True)
        blobs.uploads.append(NAME, 0, b"bytes")
        blobs.uploads.drop(NAME)
        with pytest.raises(NotFound):
            blobs.uploads.digest(NAME)
        blobs.uploads.begin(NAME, unsaid=True)
        assert blobs.uploads.digest(NAME) == (digest(b""), 0)


class FinishingConformance:
    """What `finish` promises."""

    @pytest.mark.parametrize(
        ("size", "piece"),
        [(0, 1), (1, 1), (100, 7), (MIB, MIB), (3 * MIB + 17, 700_001), (9 * MIB, 4 * MIB)],
    )
    def test_pieces_become_a_blob(self, blobs: Blobs, size: int, piece: int) -> None:
        data = some_bytes(size)
        blobs.uploads.begin(NAME)
        send(blobs.uploads, data, piece)
        assert digests(blobs) == []
        blobs.uploads.finish(NAME, digest(data), size)
        assert digests(blobs) == [digest(data)]
        assert content(blobs, digest(data)) == data
        blobs.verify(digest(data), size)

    def test_row_41_an_upload_goes_on_after_a_restart(self, blobs: Blobs, again: Again) -> None:
        data = some_bytes(2 * MIB)
        blobs.uploads.begin(NAME)
        blobs.uploads.append(NAME, 0, data[:MIB])
        later = again()
        assert later.uploads.received(NAME) == MIB
        send(later.uploads, data, 300_000)
        latest = again()
        latest.uploads.finish(NAME, digest(data), len(data))
        assert content(blobs, digest(data)) == data

    def test_pieces_may_arrive_at_several_processes_in_turn(
        self, blobs: Blobs, again: Again
    ) -> None:
        data = some_bytes(2 * MIB)
        stores, at = [blobs, again(), again()], 0
        blobs.uploads.begin(NAME)
        for turn in range(0, len(data), 400_000):
            store = stores[turn // 400_000 % 3]
            at = store.uploads.append(NAME, at, data[at : at + 400_000])
        blobs.uploads.finish(NAME, digest(data), len(data))
        assert content(blobs, digest(data)) == data

    def test_a_finished_upload_is_finished_once_more(self, blobs: Blobs, again: Again) -> None:
        sha256 = upload(blobs.uploads, b"bytes")
        blobs.uploads.finish(NAME, sha256, 5)
        again().uploads.finish(NAME, sha256, 5)
        assert blobs.uploads.received(NAME) == 5
        assert digests(blobs) == [sha256]

    def test_a_finished_upload_is_not_finished_as_something_else(self, blobs: Blobs) -> None:
        sha256 = upload(blobs.uploads, b"bytes")
        with pytest.raises(Conflict):
            blobs.uploads.finish(NAME, digest(b"other"), 5)
        with pytest.raises(Conflict):
            blobs.uploads.finish(NAME, sha256, 6)
        assert digests(blobs) == [sha256]

    def test_a_finished_upload_takes_no_more(self, blobs: Blobs) -> None:
        sha256 = upload(blobs.uploads, b"bytes")
        with pytest.raises(Conflict) as refusal:
            blobs.uploads.append(NAME, 5, b"more")
        assert refusal.value.facts["received"] == 5
        assert content(blobs, sha256) == b"bytes"

    @pytest.mark.parametrize("restart", [False, True])
    @pytest.mark.parametrize(
        ("sha256", "size"), [(digest(b"other"), 5), (digest(b"bytes"), 4), (digest(b"bytes"), 6)]
    )
    def test_row_36_bytes_that_are_not_what_they_should_be_are_refused_and_gone(
        self, blobs: Blobs, again: Again, sha256: str, size: int, *, restart: bool
    ) -> None:
        blobs.uploads.begin(NAME)
        blobs.uploads.append(NAME, 0, b"bytes")
        finishing = again() if restart else blobs
        with pytest.raises(Invalid, match="upload them again"):
            finishing.uploads.finish(NAME, sha256, size)
        assert digests(blobs) == []
        with pytest.raises(NotFound):
            blobs.uploads.received(NAME)
        assert blobs.uploads.sweep(0) == 0

    def test_finishing_from_two_threads_at_once_makes_one_whole_blob(
        self, blobs: Blobs, again: Again
    ) -> None:
        data = some_bytes(2 * MIB)
        blobs.uploads.begin(NAME)
        send(blobs.uploads, data)
        stores, ready = [blobs, again()], Barrier(2)

        def finish(at: int) -> bool:
            ready.wait()
            try:
                stores[at].uploads.finish(NAME, digest(data), len(data))
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert any(pool.map(finish, range(2)))
        assert content(blobs, digest(data)) == data
        again().uploads.finish(NAME, digest(data), len(data))


class KeepingConformance:
    """What `drop` and `sweep` promise, and how long a finished blob is held."""

    @pytest.mark.parametrize("here", [False, True])
    def test_row_48_a_finished_blob_is_not_removed_before_its_upload_is_dropped(
        self, blobs: Blobs, again: Again, *, here: bool
    ) -> None:
        if here:
            keep(blobs, Given("model", b"bytes"))
        sha256 = upload(blobs.uploads, b"bytes")
        assert not blobs.remove(sha256)
        assert not again().remove(sha256)
        assert content(blobs, sha256) == b"bytes"
        again().uploads.drop(NAME)
        assert content(blobs, sha256) == b"bytes"
        assert blobs.remove(sha256)

    def test_a_blob_is_held_until_its_last_upload_is_dropped(self, blobs: Blobs) -> None:
        sha256 = upload(blobs.uploads, b"bytes")
        assert upload(blobs.uploads, b"bytes", OTHER) == sha256
        blobs.uploads.drop(NAME)
        assert not blobs.remove(sha256)
        blobs.uploads.drop(OTHER)
        assert blobs.remove(sha256)

    def test_other_blobs_are_not_held(self, blobs: Blobs) -> None:
        upload(blobs.uploads, b"bytes")
        (file,) = keep(blobs, Given("model", b"other"))
        assert blobs.remove(file.sha256)

    def test_a_dropped_upload_is_gone(self, blobs: Blobs, again: Again) -> None:
        blobs.uploads.begin(NAME)
        blobs.uploads.append(NAME, 0, b"bytes")
        again().uploads.drop(NAME)
        with pytest.raises(NotFound):
            blobs.uploads.append(NAME, 5, b"more")
        blobs.uploads.drop(NAME)
        assert blobs.uploads.sweep(0) == 0

    def test_a_dropped_name_can_be_begun_again(self, blobs: Blobs) -> None:
        blobs.uploads.begin(NAME)
        blobs.uploads.append(NAME, 0, b"bytes")
        blobs.uploads.drop(NAME)
        assert content(blobs, upload(blobs.uploads, b"other")) == b"other"

    def test_row_42_sweeping_drops_what_nobody_goes_on_with(self, blobs: Blobs) -> None:
        blobs.uploads.begin(NAME)
        blobs.uploads.append(NAME, 0, b"bytes")
        sha256 = upload(blobs.uploads, b"finished", OTHER)
        assert blobs.uploads.sweep(3600) == 0
        assert blobs.uploads.received(NAME) == 5
        assert not blobs.remove(sha256)
        assert blobs.uploads.sweep(0) == 5
        with pytest.raises(NotFound):
            blobs.uploads.received(NAME)
        assert content(blobs, sha256) == b"finished"
        assert blobs.remove(sha256)

    def test_sweeping_an_empty_store_frees_nothing(self, blobs: Blobs) -> None:
        assert blobs.uploads.sweep(0) == 0

    def test_sweeping_staged_bytes_leaves_uploads_alone(self, blobs: Blobs) -> None:
        blobs.uploads.begin(NAME)
        blobs.uploads.append(NAME, 0, b"bytes")
        assert blobs.sweep(0) == 0
        assert blobs.uploads.received(NAME) == 5


class UploadsConformance(
    ReceivingConformance, TellingConformance, FinishingConformance, KeepingConformance
):
    """Everything that the port `Uploads` promises; supply fixtures `blobs` and `again`."""
