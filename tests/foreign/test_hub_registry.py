"""What is particular to a namespace of the Hub, seen by its stock client."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, hf_hub_download

from modelry import wiring
from modelry.copying import copy_models, source_of
from modelry.core.errors import (
    Conflict,
    Corrupt,
    Invalid,
    NotFound,
    RegistryError,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from modelry.core.repository import RegistryRepository
from modelry.testing.hub import Hub
from modelry.testing.hub_repos import Blob

CARD = b"""---
license: apache-2.0
tags: [churn]
datasets: loans
model-index:
- name: m
  results:
  - task: {type: classification}
    dataset: {name: loans, type: loans}
    metrics: [{type: auc, value: 0.75}]
---
# A model
"""


@pytest.fixture
def registry(at_hub: Hub) -> Iterator[RegistryRepository]:
    with wiring.connect("hf://ann") as opened:
        assert not at_hub.repos
        yield opened


@pytest.fixture
def stock(at_hub: Hub) -> HfApi:
    return HfApi(endpoint=at_hub.url)


def folder(tmp_path: Path, text: str) -> Path:
    place = tmp_path / text
    place.mkdir()
    (place / "config.json").write_text(json.dumps({"model": text}), encoding="utf-8")
    (place / "weights.bin").write_bytes(text.encode() * 200)
    return place


def test_the_stock_client_finds_every_version_by_its_tag_and_its_stage(
    registry: RegistryRepository, stock: HfApi, tmp_path: Path, at_hub: Hub
) -> None:
    registry.register("m", folder(tmp_path, "first"), version="1.0.0", metrics={"auc": 0.5})
    (tmp_path / "first" / "config.json").unlink()
    registry.register("m", tmp_path / "first")
    registry.promote("m:1.0.0", "production", comment="go")
    registry.alias("m", "champion", "2")
    refs = stock.list_repo_refs("ann/m")
    assert [each.name for each in refs.tags] == ["v1", "v2"]
    assert {each.name for each in refs.branches} == {"main", "production", "champion"}
    place = hf_hub_download("ann/m", "weights.bin", revision="production", endpoint=at_hub.url,
                            cache_dir=tmp_path / "cache")  # fmt: skip
    assert Path(place).read_bytes() == b"first" * 200
    assert sorted(stock.list_repo_files("ann/m", revision="v2")) == [
        ".gitattributes", "modelry.json", "weights.bin"]  # fmt: skip
    log = [each.title for each in stock.list_repo_commits("ann/m")]
    assert log[:2] == ["promote v1 to production: go", "register v2"]
    used = registry.use("m@champion", to=tmp_path / "used")
    assert sorted(path.name for path in used.iterdir()) == ["weights.bin"]


def test_two_who_register_at_once_get_two_numbers(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    registry.create_model("m")
    places = [folder(tmp_path, text) for text in ("left", "right", "middle")]
    made: list[int] = []
    threads = [
        threading.Thread(
            target=lambda place=place: made.append(registry.register("m", place).number)
        )
        for place in places
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [1, 2, 3]
    assert len({each.digest for each in registry.versions("m")}) == 3


def test_a_version_that_was_changed_there_is_noticed(
    registry: RegistryRepository, at_hub: Hub, tmp_path: Path
) -> None:
    registry.register("m", folder(tmp_path, "first"))
    repo = at_hub.repos["ann/m"]
    repo.tags["v1"] = repo.commit("main", "evil", {
        **repo.find("v1").files, "weights.bin": Blob(b"evil" * 300, lfs=True)}).sha  # fmt: skip
    with pytest.raises(Corrupt, match="m:1 are not what was registered"):
        registry.use("m:1", to=tmp_path / "used")
    assert not (tmp_path / "used").exists()


def test_a_deleted_version_leaves_its_number_taken(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    place = folder(tmp_path, "first")
    registry.register("m", place, version="1.0")
    registry.delete("m:1", comment="wrong data")
    with pytest.raises(NotFound, match="m:1 was deleted"):
        registry.resolve("m:1")
    for label in ("1.0", "1"):
        with pytest.raises(Conflict, match="was deleted and never comes back"):
            registry.register("m", place, version=label)
    assert registry.register("m", place).number == 2
    registry.delete("m")
    with pytest.raises(NotFound):
        registry.model("m")


def test_a_repository_of_others_is_read_and_not_written(
    registry: RegistryRepository, at_hub: Hub, tmp_path: Path
) -> None:
    repo = at_hub.create("ann/bert")
    repo.commit("main", "weights", {"w.bin": Blob(b"1" * 600, lfs=True), "README.md": Blob(CARD)})
    repo.tags |= {"v1": repo.branches["main"], "best": repo.branches["main"]}
    repo.commit("main", "newer", {"w.bin": Blob(b"2" * 600, lfs=True), "README.md": Blob(CARD)})
    found = list(registry.versions("bert"))
    assert [each.version for each in found[1:]] == ["tag-v1", "best"]
    assert found[0].version.startswith("commit-")
    assert (found[0].metrics, found[0].author) == ({"auc": 0.75}, "ann")
    assert found[0].tags == {"churn": "", "license": "apache-2.0"}
    assert found[0].datasets[0].name == "loans"
    assert (registry.use("bert:1") / "w.bin").read_bytes() == b"1" * 600
    for change in (
        lambda: registry.register("bert", folder(tmp_path, "x")),
        lambda: registry.promote("bert:1", "production"),
        lambda: registry.tag("bert", ["x"]),
    ):
        with pytest.raises(Unsupported, match="it is read, not written"):
            change()
    assert len(repo.commits) == 3


def test_a_namespace_is_brought_over_and_goes_back_to_another(
    registry: RegistryRepository, at_hub: Hub, tmp_path: Path
) -> None:
    for name in "abcd":
        registry.create_model(name, description=f"the model {name}", tags={"owner": name})
        for text in ("1", "2"):
            registry.register(name, folder(tmp_path, name + text), metrics={"auc": float(text)},
                              params={"deep": [1, 2]}, tags={"n": text}, run_id="run")  # fmt: skip
        registry.promote(f"{name}:1", "staging")
        registry.promote(f"{name}:2", "production")
        registry.archive(f"{name}:1")
        registry.alias(name, "best", "1")
    with (
        wiring.connect(f"sqlite:///{tmp_path}/r.db") as ours,
        wiring.connect("hf://team") as team,
    ):
        came = copy_models(source_of(registry, "hf://ann"), ours)
        assert (came.models, came.new, came.lost, came.problems) == (4, 8, [], [])
        went = copy_models(source_of(ours, "ours"), team)
        assert (went.new, went.problems) == (8, [])
        again = copy_models(source_of(ours, "ours"), team)
        assert (again.new, again.there, again.problems) == (0, 8, [])
        for name in "abcd":
            assert [(each.digest, each.stage, each.aliases, each.params)
                    for each in team.versions(name)] == [
                (each.digest, each.stage, each.aliases, each.params)
                for each in registry.versions(name)]  # fmt: skip
            assert team.model(name).model.tags == {"owner": name}
    assert {each.partition("/")[0] for each in at_hub.repos} == {"ann", "team"}


def test_pages_have_a_size_and_cursors_of_their_own(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    registry.register("m", folder(tmp_path, "first"))
    for ask in (registry.versions, registry.history):
        for limit in (0, -1, 1001):
            with pytest.raises(Invalid, match="a page holds 1 to 1000"):
                ask("m", limit=limit)
        for cursor in ("x", "-1", "9" * 30, "\u0663"):
            with pytest.raises(Invalid, match="is not a cursor of this list; begin again"):
                ask("m", cursor=cursor)


def test_what_the_hub_refuses_is_our_refusal(
    registry: RegistryRepository, at_hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "modelry.json").write_text("{}", encoding="utf-8")
    with pytest.raises(Unsupported, match=r"cannot hold the file modelry\.json"):
        registry.register("m", tmp_path / "modelry.json")
    at_hub.create("ann/odd").commit("main", "theirs", {"modelry.json": Blob(b"{}")})
    with pytest.raises(Invalid, match="was not written by Modelry"):
        registry.resolve("odd")
    registry.register("m", folder(tmp_path, "first"))
    with pytest.raises(Conflict, match="'main' is the branch"):
        registry.alias("m", "main", "1")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(Unauthenticated):
        wiring.connect("hf://ann").register("n", tmp_path / "first")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="the hub of hf://ann cannot be reached"):
        wiring.connect("hf://ann").model("m")
    for uri in ("hf://", "hf://a/b"):
        with pytest.raises(RegistryError, match="is no namespace of the Hub"):
            wiring.connect(uri)
