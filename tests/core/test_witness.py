"""Seeing bytes that somebody says are there."""

from pathlib import Path

from modelry.core.verbs.witness import seen
from modelry.core.verbs.world import World


def test_what_lies_at_the_first_place_is_kept_while_it_is_looked_at(
    world: World, tmp_path: Path
) -> None:
    place = tmp_path / "there.bin"
    place.write_bytes(b"weights")
    with seen(world, [tmp_path / "nothing", place, tmp_path]) as found:
        assert found is not None
        assert (found.kind, [(each.path, each.size) for each in found.files]) == (
            "file", [("there.bin", 7)],
        )  # fmt: skip
        (file,) = found.files
        with world.blobs.open(file.sha256) as stream:
            assert stream.read() == b"weights"


def test_where_nothing_lies_nothing_is_seen(world: World, tmp_path: Path) -> None:
    with seen(world, [tmp_path / "nothing", tmp_path / "never"]) as found:
        assert found is None
