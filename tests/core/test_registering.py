"""Registering seals bytes and what is said of them."""

import hashlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from modelry.core.errors import Conflict, Invalid, NotFound, Unavailable
from modelry.core.model import Commit, Dataset
from modelry.core.registry import Registry
from modelry.core.verbs.register import StoredTwice
from modelry.core.verbs.world import World
from modelry.testing.fakes import FixedSurroundings

MakeFile = Callable[..., Path]


def test_a_version_holds_everything_that_was_said_of_it(
    registry: Registry, model_file: MakeFile
) -> None:
    version = registry.register(
        "credit-risk",
        model_file(),
        version="v1.0.0",
        metrics={"auc": 0.91, "steps": 12},
        params={"C": 1.0, "layers": [64, 32]},
        tags=["gpu"],
        datasets=["loans", {"name": "x", "digest": "sha256:1"}, Dataset("y", uri="s3://y")],
        description="first",
        run_id="run-1",
    )
    assert (version.project, version.name, version.number) == ("default", "credit-risk", 1)
    assert (version.version, version.stage, version.aliases) == ("v1.0.0", "none", ())
    assert version.model_uri == "models:/credit-risk/1"
    assert [(file.path, file.size) for file in version.files] == [("model.bin", 7)]
    assert version.metrics == {"auc": 0.91, "steps": 12}
    assert version.params == {"C": 1.0, "layers": [64, 32]}
    assert version.tags == {"gpu": ""}
    assert version.datasets == (
        Dataset("loans"), Dataset("x", "sha256:1"), Dataset("y", uri="s3://y"))  # fmt: skip
    assert (version.description, version.run_id, version.author) == ("first", "run-1", "ada")
    assert version.created_at.year == 2025
    assert registry.resolve("credit-risk:1.0.0") == version
    assert registry.environment("credit-risk:1").packages == {"numpy": "2.0"}


def test_numbers_rise_and_a_label_is_the_number_where_none_is_given(
    registry: Registry, model_file: MakeFile
) -> None:
    path = model_file()
    numbers = [
        (made.number, made.version)
        for made in [
            registry.register("m", path),
            registry.register("m", path, version="1.5"),
            registry.register("m", path, version=7),
            registry.register("m", path, version="v9"),
            registry.register("m", path),
        ]
    ]
    assert numbers == [(1, "1"), (2, "1.5"), (7, "7"), (9, "v9"), (10, "10")]
    assert registry.resolve("m:9") == registry.resolve("m:v9")


def test_a_number_below_the_last_is_not_given_out(registry: Registry, model_file: MakeFile) -> None:
    registry.register("m", model_file(), version=5)
    with pytest.raises(Conflict, match="the next is 6, not 3"):
        registry.register("m", model_file("other"), version=3)
    registry.register("m", model_file(), version=10**15 - 1)
    with pytest.raises(Conflict, match="used up its numbers"):
        registry.register("m", model_file())


def test_the_same_bytes_under_the_same_label_are_the_same_version(
    registry: Registry, model_file: MakeFile
) -> None:
    first = registry.register("m", model_file(), version="1.0", metrics={"auc": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = registry.register("m", model_file(), version="V1.0", metrics={"auc": 1})
    assert again == first
    assert len(registry.history("m")) == 1


def test_other_metadata_for_a_sealed_version_is_said_not_to_be_kept(
    registry: Registry, model_file: MakeFile
) -> None:
    registry.register("m", model_file(), version="1.0", metrics={"auc": 1})
    with pytest.warns(StoredTwice, match="the metrics and tags given now are not kept"):
        again = registry.register("m", model_file(), version="1.0", metrics={"auc": 2}, tags=["x"])
    assert again.metrics == {"auc": 1}


@pytest.mark.parametrize("text", ["other!!", "longer than before"])
def test_row_8_other_bytes_under_a_taken_label_are_a_conflict(
    registry: Registry, model_file: MakeFile, text: str
) -> None:
    registry.register("m", model_file("weights"), version="1.0")
    with pytest.raises(Conflict, match="has other bytes; use a new label"):
        registry.register("m", model_file(text), version="v1.0")
    assert len(registry.versions("m")) == 1


def test_row_8_a_deleted_label_never_comes_back(registry: Registry, model_file: MakeFile) -> None:
    registry.register("m", model_file(), version="1.0")
    registry.delete("m:1.0")
    for label in ("1.0", "1"):
        with pytest.raises(Conflict, match="was deleted and never comes back"):
            registry.register("m", model_file(), version=label)
    assert registry.register("m", model_file()).number == 2


def test_row_7_the_name_of_a_deleted_model_is_not_given_out_again(
    registry: Registry, model_file: MakeFile
) -> None:
    registry.register("m", model_file())
    registry.delete("m")
    with pytest.raises(Conflict, match="its name is not given out again"):
        registry.register("M", model_file())
    with pytest.raises(Conflict, match="its name is not given out again"):
        registry.create_model("m")


def test_row_5_a_name_in_other_letters_is_the_same_model(
    registry: Registry, model_file: MakeFile
) -> None:
    registry.register("Credit-Risk", model_file())
    assert registry.register("CREDIT-risk", model_file("b")).number == 2
    assert [each.model.name for each in registry.models()] == ["Credit-Risk"]


def test_the_registry_records_commit_author_and_base_by_itself(
    registry: Registry, world: World, model_file: MakeFile
) -> None:
    surroundings = world.surroundings
    assert isinstance(surroundings, FixedSurroundings)
    surroundings.checkout = Commit("c" * 40, "main", None, dirty=True)
    surroundings.name = "bob"
    registry.register("m", model_file())
    tuned = registry.register("tuned", model_file("b"), base="m@latest")
    assert (tuned.author, tuned.commit, tuned.base) == ("bob", surroundings.checkout, "m:1")
    assert registry.resolve("tuned:1") == tuned
    with pytest.raises(NotFound):
        registry.register("tuned", model_file("c"), base="m:9")


def test_a_data_set_that_is_a_local_path_is_recorded_with_its_digest(
    registry: Registry, model_file: MakeFile, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.csv").write_text("1,2\n")
    version = registry.register(
        "m", model_file(), datasets=[str(folder), str(folder / "a.csv"), "unknown.csv"]
    )
    whole, single, unknown = version.datasets
    assert (whole.name, whole.uri) == ("data", str(folder))
    assert whole.digest is not None
    assert whole.digest != single.digest
    assert single.digest == "sha256:" + hashlib.sha256(b"1,2\n").hexdigest()
    assert unknown == Dataset("unknown.csv")
    named = {"name": "train", "uri": str(folder / "a.csv")}
    again = registry.register("m", model_file("w2"), datasets=[named]).datasets
    assert again == (Dataset("train", single.digest, str(folder / "a.csv")),)


def test_a_folder_keeps_its_paths_and_gives_them_back(registry: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "w.bin").write_bytes(b"1")
    (folder / ".hidden").write_bytes(b"2")
    version = registry.register("m", folder)
    assert [file.path for file in version.files] == [".hidden", "deep/er/w.bin"]
    used = registry.use("m:1")
    assert (used / "deep" / "er" / "w.bin").read_bytes() == b"1"


def test_a_model_needs_its_project(registry: Registry, model_file: MakeFile) -> None:
    with pytest.raises(NotFound, match="modelry project create team"):
        registry.register("team/m", model_file())
    registry.create_project("Team")
    version = registry.register("team/m", model_file())
    assert (version.full_name, version.ref, version.model_uri) == (
        "team/m", "team/m:1", "models:/team/m/1")  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"version": "latest"}, "choose another label"),
        ({"version": "a b"}, "not a version label"),
        ({"metrics": {"auc": float("nan")}}, "only finite"),
        ({"metrics": {"auc": float("-inf")}}, "only finite"),
        ({"metrics": {"auc": 2**70}}, "up to 64 bits"),
        ({"metrics": {"auc": True}}, "a metric is a number"),
        ({"metrics": {"auc": "0.9"}}, "a metric is a number"),
        ({"metrics": {"": 1}}, "cannot name a metric"),
        ({"metrics": dict.fromkeys(map(str, range(1001)), 1)}, "too many"),
        ({"params": {"x": object()}}, "JSON cannot hold"),
        ({"params": {"x": 2**70}}, "beyond 64 bits"),
        ({"params": {"x": "y" * 9000}}, "more than 8000"),
        ({"tags": "gpu"}, "write \\['gpu'\\]"),
        ({"tags": {"a": "\x1b"}}, "U\\+001B"),
        ({"tags": {"a": object()}}, "must be text"),
        ({"datasets": [{"digest": "x"}]}, "has a name"),
        ({"datasets": [{"name": "x", "colour": "red"}]}, "colour"),
        ({"datasets": [""]}, "has a name"),
        ({"description": "x" * 70_000}, "at most 65536"),
        ({"run_id": "\0"}, "the run id"),
    ],
)
def test_row_9_11_13_what_breaks_a_rule_is_refused_and_nothing_is_kept(
    registry: Registry, world: World, model_file: MakeFile, facts: dict[str, object], why: str
) -> None:
    with pytest.raises(Invalid, match=why):
        registry.register("m", model_file(), **facts)  # type: ignore[arg-type]  # rubbish on purpose
    assert not registry.models()
    assert not list(world.blobs.scan())


def test_tags_take_plain_values(registry: Registry, model_file: MakeFile) -> None:
    version = registry.register("m", model_file(), tags={"a": True, "b": 3, "c": 0.5, "d": None})
    assert version.tags == {"a": "true", "b": "3", "c": "0.5", "d": ""}


def test_nothing_at_the_path_is_not_found(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        registry.register("m", tmp_path / "absent")
    assert not registry.models()


def test_a_blob_that_vanishes_before_the_commit_is_brought_again(
    registry: Registry, world: World, model_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, asked = type(world.blobs).size, list[str]()

    def absent_once(_: object, sha256: str) -> int | None:
        asked.append(sha256)
        return None if len(asked) == 1 else size(world.blobs, sha256)

    monkeypatch.setattr(type(world.blobs), "size", absent_once)
    version = registry.register("m", model_file())
    assert len(asked) > 1
    assert registry.use(version.ref).read_text() == "weights"
    assert version.number == 1


def test_blobs_that_keep_vanishing_are_reported(
    registry: Registry, world: World, model_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(world.blobs), "size", lambda *_: None)
    with pytest.raises(Unavailable, match="vanished"):
        registry.register("m", model_file())
    assert not registry.models()


def test_a_path_may_be_text_or_a_path(registry: Registry, model_file: MakeFile) -> None:
    registry.register("m", os.fspath(model_file()))
    assert registry.resolve("m").source == str(model_file().absolute())


def test_a_model_can_be_made_before_its_versions(registry: Registry, model_file: MakeFile) -> None:
    made = registry.create_model("m", description="soon", tags={"owner": "bo"})
    assert registry.create_model("M") == made
    assert (made.description, made.tags, made.last_number) == ("soon", {"owner": "bo"}, 0)
    with pytest.raises(NotFound, match="has no version yet"):
        registry.resolve("m")
    registry.register("m", model_file())
    assert registry.model("m").versions == 1
    assert registry.model("m").model.created_at <= registry.model("m").model.updated_at
    assert not registry.audit().problems
