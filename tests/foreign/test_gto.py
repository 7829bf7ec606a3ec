"""Git repositories with GTO's tags and DVC's files, made here with git alone (S2.20)."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelry import wiring
from modelry.cli.app import app
from modelry.copying import copy_models, source_of
from modelry.core.errors import Invalid, NotFound, Unsupported
from modelry.core.model import Dataset
from modelry.core.repository import RegistryRepository


class Repo:
    """A repository with a clock of its own: each commit and tag is a minute later."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._at = 1_700_000_000
        folder.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        self._at += 60
        when = f"{self._at} +0000"
        who = {"GIT_AUTHOR_NAME": "ann", "GIT_AUTHOR_EMAIL": "a@x", "GIT_AUTHOR_DATE": when,
               "GIT_COMMITTER_NAME": "bo", "GIT_COMMITTER_EMAIL": "b@x",
               "GIT_COMMITTER_DATE": when, "GIT_CONFIG_GLOBAL": os.devnull}  # fmt: skip
        done = subprocess.run(
            ["git", "-C", str(self.folder), *words], check=True, capture_output=True, text=True,
            env={**os.environ, **who},
        )  # fmt: skip
        return done.stdout.strip()

    def commit(self, **files: str) -> None:
        for name, text in files.items():
            path = self.folder / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "work")

    def tag(self, name: str) -> None:
        self.git("tag", "-a", name, "-m", f"tag {name}")

    def keep(self, root: str, data: bytes) -> str:
        """Put bytes where DVC keeps them; answer their md5."""
        md5 = hashlib.md5(data).hexdigest()  # noqa: S324 - DVC's own
        place = self.folder / root / md5[:2] / md5[2:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return md5


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


def opened(repo: Repo) -> RegistryRepository:
    return wiring.connect(f"gto:{repo.folder}")


def test_tags_are_versions_stages_and_what_was_taken_back(repo: Repo, tmp_path: Path) -> None:
    about = (
        "churn: {path: model.txt, type: model, labels: [gpu, tabular], description: It counts}\n"
    )
    repo.commit(artifacts_dot_yaml=about, model_dot_txt="one")
    repo.tag("churn@v1.0.0")
    repo.commit(model_dot_txt="two")
    repo.tag("churn@v1.1.0")
    repo.tag("churn#prod#1")
    repo.commit(model_dot_txt="three")
    repo.tag("churn@v2.0.0-rc.1")
    repo.tag("churn#dev#2")
    repo.tag("churn@v3.0.0")
    repo.tag("churn@v3.0.0!")
    repo.git("tag", "churn#stage#3", "churn@v1.0.0^{}")
    repo.git("tag", "release-7")
    repo.git("tag", "-a", "churn#stage!#4", "-m", "x", "churn@v1.0.0^{}")
    with opened(repo) as registry, wiring.connect(f"sqlite:///{tmp_path}/r.db") as ours:
        report = copy_models(source_of(registry, "gto:repo"), ours)
        assert (report.new, report.lost, report.problems) == (3, [], [])
        found = list(ours.versions("churn"))
        assert [(each.number, each.version, each.stage, each.aliases) for each in found] == [
            (3, "v2.0.0-rc.1", "none", ("dev",)),
            (2, "v1.1.0", "production", ()),
            (1, "v1.0.0", "none", ()),
        ]
        assert ours.use("churn@production").read_text(encoding="utf-8") == "two"
        assert {"gpu": "", "tabular": "", "type": "model"}.items() <= found[0].tags.items()
        assert found[0].description == "It counts"
        origin = json.loads(found[2].tags["modelry.origin"])
        assert (origin["author"], origin["commit"]["sha"]) == (
            "bo", repo.git("rev-parse", "churn@v1.0.0^{}"))  # fmt: skip
        again = copy_models(source_of(registry, "gto:repo"), ours)
        assert (again.new, again.there, again.problems) == (0, 3, [])


def test_files_of_dvc_come_from_its_cache_and_from_a_folder_remote(
    repo: Repo, tmp_path: Path
) -> None:
    (repo.folder / ".dvc").mkdir()
    (repo.folder / ".dvc" / "config").write_text(
        "[core]\n    remote = store\n['remote \"store\"']\n    url = ../../store\n",
        encoding="utf-8",
    )
    weights = repo.keep("../store/files/md5", b"weights" * 1000)
    part, other = repo.keep(".dvc/cache", b"a"), repo.keep(".dvc/cache", b"line\n")
    listing = json.dumps([{"md5": part, "relpath": "a.bin"}, {"md5": other, "relpath": "d/b.txt"}])
    listed = hashlib.md5(listing.encode()).hexdigest()  # noqa: S324 - DVC's own
    place = repo.folder / ".dvc" / "cache" / listed[:2] / f"{listed[2:]}.dir"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(listing, encoding="utf-8")
    repo.commit(
        dvc_dot_yaml="artifacts:\n  big: {path: m.bin, type: model}\n",
        m_dot_bin_dot_dvc=f"outs:\n- {{md5: {weights}, size: 7000, hash: md5, path: m.bin}}\n",
        nlp__dvc_dot_yaml="artifacts:\n  bert: {path: out, meta: {layers: 12}}\n",
        nlp__dvc_dot_lock="schema: '2.0'\nstages:\n  train:\n    cmd: train\n"
        f"    deps:\n    - {{path: data.csv, md5: {part}}}\n"
        f"    outs:\n    - {{path: out, md5: {listed}.dir, nfiles: 2}}\n",
    )
    repo.tag("big@v0.1.0")
    repo.tag("nlp=bert@v0.1.0")
    with opened(repo) as registry, wiring.connect(f"sqlite:///{tmp_path}/r.db") as ours:
        report = copy_models(source_of(registry, "gto:repo"), ours)
        assert (report.new, report.lost, report.problems) == (2, [], [])
        assert ours.use("big").read_bytes() == b"weights" * 1000
        folder = ours.use("nlp-bert:v0.1.0")
        assert (folder / "d" / "b.txt").read_bytes() == b"line\n"
        found = ours.resolve("nlp-bert")
        assert found.params == {"layers": 12}
        assert found.datasets == (Dataset("data.csv", f"md5:{part}"),)


def test_bytes_that_are_missing_or_changed_are_told_and_the_rest_comes(
    repo: Repo, tmp_path: Path
) -> None:
    good, bad = repo.keep(".dvc/cache/files/md5", b"good"), repo.keep(".dvc/cache", b"bad")
    (repo.folder / ".dvc" / "cache" / bad[:2] / bad[2:]).write_bytes(b"BAD")
    (repo.folder / ".gitignore").write_text(".dvc/cache\n", encoding="utf-8")
    repo.commit(artifacts_dot_yaml="m: {path: m.bin}\n",
                m_dot_bin_dot_dvc=f"outs:\n- {{md5: {good}, path: m.bin}}\n")  # fmt: skip
    repo.tag("m@v1.0.0")
    for version, md5 in (("2", bad), ("3", "0" * 32), ("4", "../../../etc/passwd")):
        repo.commit(m_dot_bin_dot_dvc=f"outs:\n- {{md5: {md5}, path: m.bin}}\n")
        repo.tag(f"m@v{version}.0.0")
    repo.commit(artifacts_dot_yaml="m: {path: ../outside}\n")
    repo.tag("m@v5.0.0")
    with opened(repo) as registry, wiring.connect(f"sqlite:///{tmp_path}/r.db") as ours:
        with pytest.raises(Invalid, match="is not inside the repository"):
            registry.versions("m")
        repo.tag("m@v5.0.0!")
        report = copy_models(source_of(registry, "gto:repo"), ours)
        told = {each.where: each.what for each in report.problems}
        assert report.new == 1
        assert "has the md5" in told["m:2"]
        assert "are not on this machine" in told["m:3"]
        assert "is no md5" in told["m:4"]
        assert [each.version for each in ours.versions("m")] == ["v1.0.0"]


def test_a_deprecated_model_is_archived(repo: Repo, tmp_path: Path) -> None:
    repo.commit(artifacts_dot_yaml="m: {path: m.txt}\n", m_dot_txt="x")
    repo.tag("m@v1.0.0")
    repo.tag("m#prod#1")
    repo.tag("m@deprecated")
    with opened(repo) as registry, wiring.connect(f"sqlite:///{tmp_path}/r.db") as ours:
        assert copy_models(source_of(registry, "gto:repo"), ours).problems == []
        assert ours.resolve("m:1").stage == "archived"
        assert ours.model("m").model.tags == {"deprecated": ""}


def test_a_repository_is_read_as_a_registry_and_not_written(repo: Repo, tmp_path: Path) -> None:
    repo.commit(artifacts_dot_yaml="m: {path: m.txt}\n", m_dot_txt="x")
    repo.tag("m@v1.0.0")
    repo.tag("m@v1.0.1")
    repo.tag("m#prod#1")
    with opened(repo) as registry:
        assert registry.resolve("m@production").version == "v1.0.1"
        assert registry.use("m:v1.0.0", to=tmp_path / "out").read_text(encoding="utf-8") == "x"
        assert [each.version for each in registry.versions("m", stage="production")] == ["v1.0.1"]
        assert [each.model.name for each in registry.models()] == ["m"]
        assert [event.actor for event in registry.history("m")] == ["bo", "bo"]
        with pytest.raises(Unsupported, match="it is read here; gto and git write it"):
            registry.promote("m:1", "production")
        with pytest.raises(NotFound, match="there is no model absent"):
            registry.resolve("absent")
    shown = CliRunner().invoke(app, ["--uri", f"gto:{repo.folder}", "show", "m:1"])
    assert (shown.exit_code, "v1.0.0" in shown.stdout) == (0, True), shown.output
    for place in (tmp_path / "absent", tmp_path / "out"):
        with pytest.raises(NotFound):
            wiring.connect(f"gto:{place}").models()
