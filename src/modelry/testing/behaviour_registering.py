"""Registering and using, wherever the registry is."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import pytest

from modelry.core.draft import DatasetInput
from modelry.core.errors import Conflict, Invalid, NotFound
from modelry.core.model import Dataset
from modelry.core.repository import RegistryRepository
from modelry.core.verbs.register import StoredTwice
from modelry.testing.behaviour_fixtures import BehaviourFixtures, MakeFile

_BAD_FACTS: list[tuple[dict[str, object], str]] = [
    ({"version": "latest"}, "choose another label"),
    ({"version": "a b"}, "not a version label"),
    ({"metrics": {"auc": float("nan")}}, "only finite"),
    ({"metrics": {"auc": 2**70}}, "up to 64 bits"),
    ({"metrics": {"auc": True}}, "a metric is a number"),
    ({"metrics": {"": 1}}, "cannot name a metric"),
    ({"tags": "gpu"}, "tags are a map or a list"),
    ({"datasets": [{"digest": "x"}]}, "a data set has a name"),
]


class RegisteringBehaviour(BehaviourFixtures):
    """Bytes go in sealed and come out verified."""

    def test_a_version_holds_everything_that_was_said_of_it(
        self, registry: RegistryRepository, some_file: MakeFile
    ) -> None:
        version = registry.register(
            "credit-risk",
            some_file(),
            version="v1.0.0",
            metrics={"auc": 0.91, "steps": 12, "tiny": 1e-300},
            params={"C": 1.0, "layers": [64, 32], "note": "ünïcode 模型", "none": None},
            tags=["gpu"],
            datasets=["loans", {"name": "x", "digest": "sha256:1"}, Dataset("y", uri="s3://y")],
            description="first",
            run_id="run-1",
        )
        assert (version.project, version.name, version.number) == ("default", "credit-risk", 1)
        assert (version.version, version.stage, version.aliases) == ("v1.0.0", "none", ())
        assert (version.kind, version.size) == ("file", 7)
        sha256 = hashlib.sha256(b"weights").hexdigest()
        assert [(file.path, file.sha256) for file in version.files] == [("model.bin", sha256)]
        assert version.metrics == {"auc": 0.91, "steps": 12, "tiny": 1e-300}
        assert isinstance(version.metrics["steps"], int)
        assert version.params == {
            "C": 1.0, "layers": [64, 32], "note": "ünïcode 模型", "none": None}  # fmt: skip
        assert version.tags == {"gpu": ""}
        assert version.datasets == (
            Dataset("loans"), Dataset("x", "sha256:1"), Dataset("y", uri="s3://y"))  # fmt: skip
        assert (version.description, version.run_id) == ("first", "run-1")
        assert version.source == str(some_file().absolute())
        assert version.author
        assert registry.resolve("credit-risk:1.0.0").digest == version.digest

    def test_the_environment_is_that_of_whoever_registered(
        self, registry: RegistryRepository, some_file: MakeFile
    ) -> None:
        import platform

        registry.register("m", some_file())
        found = registry.environment("m:1")
        assert found.python == platform.python_version()
        assert "pytest" in found.packages

    def test_numbers_rise_and_a_label_is_the_number_where_none_is_given(
        self, registry: RegistryRepository, some_file: MakeFile
    ) -> None:
        path = some_file()
        made = [registry.register("m", path, version=label) for label in (None, "1.5", 7, "v9")]
        assert [(each.number, each.version) for each in made] == [
            (1, "1"), (2, "1.5"), (7, "7"), (9, "v9")]  # fmt: skip
        with pytest.raises(Conflict, match="the next is 10, not 3"):
            registry.register("m", some_file("other"), version=3)

    def test_the_same_bytes_under_the_same_label_are_the_same_version(
        self, registry: RegistryRepository, some_file: MakeFile
    ) -> None:
        first = registry.register("m", some_file(), version="1.0", metrics={"auc": 1})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            again = registry.register("m", some_file(), version="V1.0", metrics={"auc": 1})
        assert (again.ref, again.digest) == (first.ref, first.digest)
        assert len(registry.history("m")) == 1

    def test_other_metadata_for_a_sealed_version_is_said_not_to_be_kept(
        self, registry: RegistryRepository, some_file: MakeFile
    ) -> None:
        registry.register("m", some_file(), version="1.0", metrics={"auc": 1})
        with pytest.warns(
            StoredTwice, match="m:1 is sealed already; the metrics and tags given now are not kept"
        ):
            again = registry.register(
                "m", some_file(), version="1.0", metrics={"auc": 2}, tags=["x"]
            )
        assert again.metrics == {"auc": 1}

    @pytest.mark.parametrize("text", ["other!!", "longer than before"])
    def test_other_bytes_under_a_taken_label_are_a_conflict(
        self, registry: RegistryRepository, some_file: MakeFile, text: str
    ) -> None:
        registry.register("m", some_file(), version="1.0")
        words = "^m 1.0 is taken: that version has other bytes; use a new label$"
        with pytest.raises(Conflict, match=words) as caught:
            registry.register("m", some_file(text), version="v1.0")
        assert caught.value.facts == {"ref": "m:1", "version": "1.0"}
        assert len(registry.versions("m")) == 1

    def test_a_deleted_label_never_comes_back(
        self, registry: RegistryRepository, some_file: MakeFile
    ) -> None:
        registry.register("m", some_file(), version="1.0")
        registry.delete("m:1.0")
        for label in ("1.0", "1"):
            with pytest.raises(Conflict, match="was deleted and never comes back"):
                registry.register("m", some_file(), version=label)
        assert registry.register("m", some_file()).number == 2
        registry.delete("m")
        with pytest.raises(Conflict, match="its name is not given out again"):
            registry.register("M", some_file())

    def test_a_name_in_other_letters_is_the_same_model(
        self, registry: RegistryRepository, some_file: MakeFile
    ) -> None:
        registry.register("Credit-Risk", some_file())
        assert registry.register("CREDIT-risk", some_file("b")).number == 2
        assert [each.model.name for each in registry.models()] == ["Credit-Risk"]

    def test_a_version_says_what_it_came_from(
        self, registry: RegistryRepository, some_file: MakeFile
    ) -> None:
        registry.register("m", some_file())
        assert registry.register("tuned", some_file("b"), base="m@latest").base == "m:1"
        with pytest.raises(NotFound, match="m has no version 9"):
            registry.register("tuned", some_file("c"), base="m:9")

    def test_a_data_set_that_is_a_local_path_is_recorded_with_its_digest(
        self, registry: RegistryRepository, some_file: MakeFile, tmp_path: Path
    ) -> None:
        folder = tmp_path / "data"
        folder.mkdir()
        (folder / "a.csv").write_text("1,2\n")
        named = {"name": "train", "uri": str(folder / "a.csv")}
        given: list[DatasetInput] = [str(folder), str(folder / "a.csv"), "unknown.csv", named]
        whole, single, unknown, train = registry.register("m", some_file(), datasets=given).datasets
        assert (whole.name, whole.uri) == ("data", str(folder))
        assert whole.digest is not None
        assert single.digest == "sha256:" + hashlib.sha256(b"1,2\n").hexdigest()
        assert unknown == Dataset("unknown.csv")
        assert train == Dataset("train", single.digest, str(folder / "a.csv"))

    def test_a_folder_keeps_its_paths_and_gives_them_back(
        self, registry: RegistryRepository, tmp_path: Path
    ) -> None:
        folder = tmp_path / "bundle"
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "deep" / "er" / "w #1%.bin").write_bytes(b"1")
        (folder / ".hidden").write_bytes(b"2")
        (folder / "twin").write_bytes(b"2")
        (folder / "empty").write_bytes(b"")
        (folder / "模型.txt").write_bytes("ü".encode())
        version = registry.register("m", folder)
        assert version.kind == "folder"
        assert [file.path for file in version.files] == [
            ".hidden", "deep/er/w #1%.bin", "empty", "twin", "模型.txt"]  # fmt: skip
        used = registry.use("m:1")
        found = {
            str(path.relative_to(used)): path.read_bytes()
            for path in used.rglob("*")
            if path.is_file()
        }
        assert found == {
            "deep/er/w #1%.bin": b"1", ".hidden": b"2", "twin": b"2", "empty": b"",
            "模型.txt": "ü".encode(),
        }  # fmt: skip

    def test_the_same_version_is_used_from_the_same_place(
        self, registry: RegistryRepository, some_file: MakeFile, tmp_path: Path
    ) -> None:
        registry.register("m", some_file())
        first = registry.use("m:1")
        assert (first.name, first.read_text()) == ("model.bin", "weights")
        assert registry.use("m") == first
        brought = registry.use("m:1", to=tmp_path / "here")
        assert brought == tmp_path / "here" / "model.bin"
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "mine").write_text("x")
        with pytest.raises(Conflict, match="holds something else"):
            registry.use("m:1", to=tmp_path / "full")

    def test_bytes_are_told_about_while_they_move(
        self, registry: RegistryRepository, some_file: MakeFile
    ) -> None:
        seen: list[tuple[str, int, int]] = []

        def progress(what: str, done: int, total: int) -> None:
            seen.append((what, done, total))

        registry.register("m", some_file("x" * 1000), progress=progress)
        assert seen
        assert seen[-1][1] == seen[-1][2] == 1000
        seen.clear()
        registry.use("m:1", progress=progress)
        assert seen[-1][1] == seen[-1][2] == 1000

    @pytest.mark.parametrize(("facts", "why"), _BAD_FACTS)
    def test_what_breaks_a_rule_is_refused_before_anything_is_made(
        self,
        registry: RegistryRepository,
        some_file: MakeFile,
        facts: dict[str, object],
        why: str,
    ) -> None:
        with pytest.raises(Invalid, match=why):
            registry.register("m", some_file(), **facts)  # type: ignore[arg-type]  # wrong on purpose
        assert not registry.models()

    def test_names_and_paths_that_are_none_are_refused(
        self, registry: RegistryRepository, some_file: MakeFile, tmp_path: Path
    ) -> None:
        with pytest.raises(NotFound, match="there is no file or folder at"):
            registry.register("m", tmp_path / "absent")
        with pytest.raises(Invalid):
            registry.register("a b", some_file())
        (tmp_path / "empty").mkdir()
        with pytest.raises(Invalid, match="holds no file"):
            registry.register("m", tmp_path / "empty")
        with pytest.raises(NotFound, match="modelry project create team"):
            registry.register("team/m", some_file())
        assert not registry.models()
