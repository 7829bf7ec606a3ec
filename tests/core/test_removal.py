"""Tombstones, freed bytes, and the collection of what nobody names."""

from collections.abc import Callable
from pathlib import Path

import pytest

from modelry.core.errors import Conflict, Invalid, NotFound
from modelry.core.registry import Registry
from modelry.core.verbs.remove import Collected
from modelry.core.verbs.world import World

MakeFile = Callable[..., Path]


@pytest.fixture
def two(registry: Registry, model_file: MakeFile) -> Registry:
    for number in (1, 2):
        registry.register("m", model_file(f"weights {number}"))
    return registry


def test_a_deleted_version_is_gone_and_its_history_stays(two: Registry) -> None:
    two.delete("m:1", comment="wrong data")
    with pytest.raises(NotFound, match="m:1 was deleted; its history stays"):
        two.resolve("m:1")
    with pytest.raises(NotFound, match="was deleted"):
        two.use("m:1")
    assert [version.number for version in two.versions("m")] == [2]
    assert [str(event.kind) for event in two.history("m:1")] == [
        "version.deleted",
        "version.registered",
    ]
    with pytest.raises(NotFound, match="was deleted"):
        two.delete("m:1")


@pytest.mark.parametrize("name", ["production", "staging", "champion"])
def test_what_a_pointer_names_is_not_deleted(two: Registry, name: str) -> None:
    if name == "champion":
        two.alias("m", name, "1")
    else:
        two.promote("m:1", name)
    for ref in ("m:1", "m"):
        with pytest.raises(Conflict, match=f"m@{name} names version 1"):
            two.delete(ref)
    two.delete("m:2")


def test_a_deleted_model_takes_its_versions_along(two: Registry) -> None:
    two.delete("m", comment="project ended")
    assert not two.models()
    assert not two.search("m")
    for ask in (
        two.resolve,
        two.versions,
        two.model,
        lambda ref: two.promote(f"{ref}:1", "staging"),
    ):
        with pytest.raises(NotFound, match="was deleted"):
            ask("m")
    assert two.history("m").events[0].kind == "model.deleted"
    assert not two.audit().problems


def test_a_purge_frees_bytes_that_nobody_else_names(two: Registry, model_file: MakeFile) -> None:
    two.register("other", model_file("weights 2"))
    for number in (1, 2):
        two.delete(f"m:{number}")
    assert two.purge("m:1", comment="privacy") == Collected(1, 9)
    assert two.purge("m:2") == Collected(0, 0)
    assert two.purge("m:2") == Collected(0, 0)
    assert two.use("other").read_text() == "weights 2"
    assert not two.verify().problems
    assert not two.audit().problems
    assert two.history("m:1").events[0].comment == "privacy"


def test_what_is_not_deleted_is_not_purged(two: Registry) -> None:
    with pytest.raises(Conflict, match="m:1 is not deleted; delete it first"):
        two.purge("m:1")
    with pytest.raises(NotFound):
        two.purge("m:9")
    with pytest.raises(NotFound):
        two.purge("absent:1")
    with pytest.raises(Invalid, match="say which version to purge"):
        two.purge("m")


def test_a_version_of_a_deleted_model_can_be_purged(two: Registry) -> None:
    two.delete("m")
    assert two.purge("m:1").blobs == 1


def test_a_collection_removes_what_nobody_names_and_nothing_else(
    two: Registry, world: World, model_file: MakeFile
) -> None:
    orphan = model_file("nobody names me")
    with world.blobs.stage(world.sources.open(orphan).files, lambda size: size < 0) as staged:
        staged.publish()
        assert two.gc(grace=0) == Collected(0, 0)
    assert two.gc() == Collected(0, 0)
    seen: list[str] = []
    collected = two.gc(grace=0, progress=lambda what, done, total: seen.append(what))  # noqa: ARG005 - the port's signature
    assert (collected.blobs, collected.bytes) == (1, 15)
    assert seen
    assert not two.verify().problems
