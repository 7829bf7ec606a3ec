"""Enlisting: versions of blobs that are in the store already, or of metadata alone."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from modelry.core.access import Role
from modelry.core.draft import Draft, draft
from modelry.core.errors import Conflict, Invalid, NotFound, Unavailable
from modelry.core.model import Commit, Environment, File, Findings, Version
from modelry.core.ports import SourceFile, Store
from modelry.core.registry import Registry
from modelry.core.service import Service
from modelry.core.verbs import enlist
from modelry.core.verbs.enlist import Parts
from modelry.core.verbs.register import StoredTwice
from modelry.core.verbs.world import World
from modelry.stores.memory import MemoryStore
from modelry.testing.fakes import FixedSurroundings, acting, world_on

MakeFile = Callable[..., Path]
OWN = {"default": Role.PUBLISHER}


def said(**facts: Any) -> Draft:  # noqa: ANN401 - the keywords of a draft
    nothing: dict[str, Any] = {"version": None, "metrics": None, "params": None, "tags": None,
                               "datasets": (), "description": None, "run_id": None}  # fmt: skip
    return draft(**{**nothing, **facts})


def named(text: str, path: str = "model.bin") -> File:
    data = text.encode()
    return File(path, hashlib.sha256(data).hexdigest(), len(data))


@pytest.fixture
def service(world: World, model_file: MakeFile) -> Service:
    """A publisher of `default`; `secret` is not its own; both hold bytes."""
    registry = Registry(world)
    registry.create_project("secret")
    registry.register("m", model_file("own"))
    registry.register("secret/m", model_file("foreign"))
    return Service(acting(world, "ada", OWN))


def refused(service: Service, parts: Parts, why: str, kind: type[Exception] = Invalid) -> None:
    with pytest.raises(kind, match=why):
        service.enlist("n", parts, said())
    assert not [each for each in service.models() if each.model.name == "n"]


def test_a_version_may_be_metadata_alone(service: Service) -> None:
    made = service.enlist("n", Parts("folder", (), "elsewhere"), said(metrics={"auc": 0.5}))
    assert (made.ref, made.files, made.size, made.kind) == ("n:1", (), 0, "folder")
    assert (made.source, made.metrics, made.findings) == ("elsewhere", {"auc": 0.5}, None)
    assert service.resolve("n:1") == made
    with pytest.raises(NotFound, match="n:1 has no files: only its metadata was registered"):
        service.use("n:1")
    assert not service.audit("n").problems
    assert service.verify("n").blobs == 0


def test_bytes_of_a_version_that_one_may_read_need_no_upload(service: Service) -> None:
    parts = Parts("folder", (named("own", "b/copy.bin"), named("own", "a.bin")))
    made = service.enlist("n", parts, said())
    assert [file.path for file in made.files] == ["a.bin", "b/copy.bin"]
    used = service.use("n")
    assert (used / "b" / "copy.bin").read_text() == "own"


def test_one_file_is_a_file(service: Service) -> None:
    made = service.enlist("n", Parts("file", (named("own"),)), said(version="1.0"))
    assert (made.kind, made.version) == ("file", "1.0")
    assert service.use("n").read_text() == "own"
    for files in ((), (named("own", "a"), named("own", "b"))):
        with pytest.raises(Invalid, match=f"has one file, not {len(files)}"):
            service.enlist("other", Parts("file", files), said())


def test_a_digest_alone_opens_nothing(service: Service, world: World) -> None:
    foreign, absent = named("foreign"), named("nowhere")
    words = []
    for file in (foreign, absent):
        with pytest.raises(NotFound) as error:
            service.enlist("n", Parts("folder", (named("own", "a.bin"), file)), said())
        words.append(error.value.message.replace(file.sha256, "X"))
        assert error.value.facts == {"path": "model.bin", "sha256": file.sha256}
    assert len(set(words)) == 1
    assert "upload them first" in words[0]
    assert service.among([foreign.sha256, named("own").sha256]) == {named("own").sha256}
    assert Service(world).among([foreign.sha256]) == {foreign.sha256}
    assert Service(acting(world, "eve")).among([named("own").sha256]) == frozenset()


def test_bytes_that_one_brought_are_ones_own(service: Service) -> None:
    foreign = named("foreign")
    parts = Parts("folder", (foreign,), uploaded=frozenset({foreign.sha256}))
    assert service.enlist("n", parts, said()).number == 1
    assert service.among([foreign.sha256]) == {foreign.sha256}


def test_bytes_of_a_deleted_version_are_nobodys(service: Service, world: World) -> None:
    Registry(world).delete("m")
    refused(service, Parts("folder", (named("own"),)), "upload them first", NotFound)
    assert service.among([named("own").sha256]) == frozenset()


def test_what_was_uploaded_and_is_gone_is_asked_for_again(service: Service) -> None:
    gone = named("gone")
    parts = Parts("folder", (gone,), uploaded=frozenset({gone.sha256}))
    refused(service, parts, "are not here; upload them first", NotFound)


def test_a_size_is_that_of_the_bytes(service: Service) -> None:
    wrong = replace(named("own"), size=4)
    refused(service, Parts("folder", (wrong,)), "'model.bin' has 3 bytes in the store, not 4")


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../up", "a//b", "a\\b", "nul\0", "C:/x"])
def test_a_path_stays_inside_its_version(service: Service, path: str) -> None:
    refused(service, Parts("folder", (named("own", path),)), "path|character")


def test_paths_that_some_machine_confuses_are_refused(service: Service) -> None:
    for one, two in (("a", "a"), ("a", "A"), ("a", "a/b"), ("\u00e9", "e\u0301")):
        files = (named("own", one), named("own", two))
        refused(service, Parts("folder", files), ".")


def test_there_are_limits(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enlist, "MAX_FILES", 1)
    files = (named("own", "a"), named("own", "b"))
    refused(service, Parts("folder", files), "2 files are too many")
    refused(service, Parts("folder", (), "\x1b"), "the source holds")


def test_a_label_is_given_once_unless_one_says_again(service: Service) -> None:
    parts = Parts("folder", (named("own"),))
    first = service.enlist("n", parts, said(version="1.0"))
    with pytest.raises(Conflict, match=r"n:1 is there already, sealed as 1\.0"):
        service.enlist("n", parts, said(version="1.0"))
    assert service.enlist("n", parts, said(version="1.0"), again=True) == first
    with pytest.warns(StoredTwice, match="the metrics given now are not kept"):
        again = service.enlist("n", parts, said(version="1.0", metrics={"auc": 1}), again=True)
    assert again == first
    for other in (Parts("folder", ()), Parts("folder", (named("own", "other"),))):
        with pytest.raises(Conflict, match=r"n 1\.0 is taken: that version has other bytes"):
            service.enlist("n", other, said(version="1.0"), again=True)
    assert len(service.versions("n")) == 1


def test_a_base_must_be_readable(service: Service) -> None:
    made = service.enlist("n", Parts("folder", ()), said(), base="m@latest")
    assert made.base == "m:1"
    for project in ("secret", "absent"):
        with pytest.raises(NotFound, match=f"there is no project '{project}'"):
            service.enlist("n", Parts("folder", ()), said(), base=f"{project}/m:1")
    with pytest.raises(NotFound, match="no version"):
        service.enlist("n", Parts("folder", ()), said(), base="m:9")


def test_a_blob_that_vanishes_before_the_commit_makes_no_version(
    service: Service, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, asked = type(world.blobs).size, list[str]()

    def once(_: object, sha256: str) -> int | None:
        asked.append(sha256)
        return size(world.blobs, sha256) if len(asked) == 1 else None

    monkeypatch.setattr(type(world.blobs), "size", once)
    refused(service, Parts("folder", (named("own"),)), "vanished", Unavailable)


def test_who_what_and_where_is_recorded(service: Service) -> None:
    made: Version = service.enlist("n", Parts("folder", ()), said(tags={"a": "b"}))
    assert (made.author, made.tags) == ("ada", {"a": "b"})
    assert service.environment("n:1").python == "3.11.7"
    assert service.history("n").events[0].actor == "ada"


class Marked:
    """A format of files that begin with a mark; a second mark is one too many."""

    name = "marked"

    def sniff(self, head: bytes, size: int) -> bool:
        return head.startswith(b"mark") and size > 0

    def read(self, file: SourceFile) -> Findings | None:
        with file.open() as stream:
            if stream.read().count(b"mark") > 1:
                msg = f"{file.path} is marked twice"
                raise Invalid(msg)
        return Findings(format="marked")


def test_stored_bytes_are_looked_into(store: Store, tmp_path: Path, model_file: MakeFile) -> None:
    service = Service(world_on(store, tmp_path / "home", files=[Marked()]))
    service.register("m", model_file("mark", "one.bin"))
    found = service.enlist("n", Parts("file", (named("mark", "x.bin"),)), said()).findings
    assert found is not None
    assert found.format == "marked"
    service.enlist("plain", Parts("file", (named("mark", "x.bin"),)), said())
    twice = model_file("markmark", "two.bin")
    plain = Service(world_on(store, tmp_path / "home"))
    plain.register("two", twice)
    with pytest.raises(Invalid, match=r"x\.bin is marked twice"):
        service.enlist("n", Parts("file", (named("markmark", "x.bin"),)), said())
    assert len(service.versions("n")) == 1


def test_what_is_told_of_the_surroundings_is_text_that_shows_what_it_says(tmp_path: Path) -> None:
    world = world_on(MemoryStore(), tmp_path)
    surroundings = cast("FixedSurroundings", world.surroundings)
    surroundings.checkout = Commit("0123abc", branch="ma\u202ein")
    with pytest.raises(Invalid, match="the commit or the environment holds U\\+202E"):
        Service(world).enlist("m", Parts("folder", ()), said())
    surroundings.checkout = Commit("0123abc")
    surroundings.python = Environment("3.11", "linux", {"numpy": "2\x07"})
    with pytest.raises(Invalid, match="holds U\\+0007"):
        Service(world).enlist("m", Parts("folder", ()), said())
    surroundings.python = Environment("3.11", "linux", {"numpy": "2"})
    version = Service(world).enlist("m", Parts("folder", ()), said())
    assert version.commit == Commit("0123abc")
