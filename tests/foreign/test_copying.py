"""Versions are copied between registries of every kind, by Python and on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow_filled import Filler
from mlflow_place import MlflowPlace
from typer.testing import CliRunner, Result

from modelry import wiring
from modelry.cli.app import app
from modelry.copying import copy_models, copy_version, source_of
from modelry.core.errors import Conflict, NotFound
from modelry.core.repository import RegistryRepository
from modelry.testing.hub import Hub
from modelry.testing.server import served

PLACES = ("sqlite", "json", "server", "mlflow", "hub")


@pytest.fixture(params=PLACES)
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Give the address of an empty registry of each kind."""
    kind = str(request.param)
    if kind == "server":
        with served(f"sqlite:///{tmp_path}/s/r.db", (tmp_path / "s" / "blobs").as_uri()) as server:
            monkeypatch.setenv("MODELRY_TOKEN", server.token)
            yield server.url
        return
    if kind == "hub":
        hub: Hub = request.getfixturevalue("at_hub")
        assert hub.url
    if kind == "mlflow":
        maker: MlflowPlace = request.getfixturevalue("mlflow_place")
        yield f"mlflow:{maker.make('there')}"
        return
    yield {"sqlite": f"sqlite:///{tmp_path}/there/r.db", "json": f"json:{tmp_path}/r.json",
           "hub": "hf://ann"}[kind]  # fmt: skip


@pytest.fixture
def here(tmp_path: Path) -> Iterator[RegistryRepository]:
    with wiring.connect(f"sqlite:///{tmp_path}/here/r.db") as opened:
        (tmp_path / "m").mkdir()
        for number in (1, 2, 3):
            (tmp_path / "m" / "w.bin").write_text(f"weights {number}", encoding="utf-8")
            opened.register(
                "churn", tmp_path / "m", version=f"1.{number}.0", metrics={"auc": number / 4},
                params={"C": 1.5, "deep": [1, 2]}, tags={"team": "risk"}, datasets=["loans"],
                description="ünïcode", run_id="run-1",
            )  # fmt: skip
        opened.promote("churn:2", "production")
        opened.archive("churn:1")
        opened.alias("churn", "champion", "3")
        opened.describe("churn", "a model")
        yield opened


def test_a_version_goes_anywhere_with_its_metadata_and_twice_is_once(
    here: RegistryRepository, place: str
) -> None:
    with wiring.connect(place) as there:
        version = here.resolve("churn@production")
        report = copy_version(source_of(here, "here"), version, there, name="moved")
        assert (report.new, report.there, report.problems) == (1, 0, [])
        again = copy_version(source_of(here, "here"), version, there, name="moved")
        assert (again.new, again.there, again.problems) == (0, 1, [])
        found = there.resolve("moved")
        for name in ("version", "digest", "metrics", "params", "datasets", "description", "run_id"):
            assert getattr(found, name) == getattr(version, name), name
        origin = json.loads(found.tags["modelry.origin"])
        assert {**found.tags, "modelry.origin": ""} == {"team": "risk", "modelry.origin": ""}
        assert (origin["registry"], origin["ref"]) == ("here", "churn:2")
        assert (found.number, found.stage) == (1, "none")
        assert (there.use("moved") / "w.bin").read_text(encoding="utf-8") == "weights 2"


def test_a_model_goes_anywhere_whole_and_comes_back(
    here: RegistryRepository, place: str, tmp_path: Path
) -> None:
    with wiring.connect(place) as there, wiring.connect(f"sqlite:///{tmp_path}/b/r.db") as back:
        out = copy_models(source_of(here, "here"), there)
        assert (out.models, out.new, out.problems) == (1, 3, [])
        home = copy_models(source_of(there, "there"), back)
        assert (home.models, home.new, home.problems) == (1, 3, [])
        for number in (1, 2, 3):
            one, two = here.resolve(f"churn:{number}"), back.resolve(f"churn:{number}")
            for name in ("number", "version", "stage", "aliases", "digest", "metrics", "params",
                         "datasets", "description", "run_id", "files"):  # fmt: skip
                assert getattr(one, name) == getattr(two, name), name
            assert json.loads(two.tags["modelry.origin"])["author"] == one.author
        assert back.resolve("churn@production").number == 2
        assert back.model("churn").model.description == "a model"


def test_what_is_taken_by_something_else_is_told_and_not_written_over(
    here: RegistryRepository, tmp_path: Path
) -> None:
    (tmp_path / "other").write_text("other", encoding="utf-8")
    with wiring.connect(f"sqlite:///{tmp_path}/there/r.db") as there:
        there.register("churn", tmp_path / "other")
        report = copy_models(source_of(here, "here"), there)
        assert report.new == 3
        assert {each.where: each.what for each in report.problems}["churn:1"].startswith(
            "the number"
        )
        assert there.resolve("churn:1").files[0].path == "other"
        there.register("taken", tmp_path / "other", version="1.2.0")
        version = here.resolve("churn:2")
        with pytest.raises(Conflict, match="that version has other bytes"):
            copy_version(source_of(here, "here"), version, there, name="taken")
        with pytest.raises(NotFound, match="there is no model absent at here"):
            copy_models(source_of(here, "here"), there, only=["absent"])


def test_names_that_cannot_be_here_are_changed_and_told(
    mlflow_place: MlflowPlace, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    uri = mlflow_place.make("odd")
    Filler(tmp_path / "odd", models=1, versions=1).fill()
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.rename_registered_model("model-00", "churn model (2)")
    client.create_registered_model("churn model 2")
    client.set_registered_model_alias("churn model (2)", "Best", "1")
    client.set_model_version_tag("churn model (2)", "1", "odd", "bell\x07")
    with (
        wiring.connect(f"mlflow:{uri}") as other,
        wiring.connect(f"sqlite:///{tmp_path}/r") as ours,
    ):
        report = copy_models(source_of(other, "odd"), ours)
        assert [each.model.name for each in ours.models()] == ["churn-model-2"]
        assert ours.resolve("churn-model-2@best").number == 1
        told_of = " ".join(each.what for each in report.lost)
        assert "the name; it is churn-model-2 now" in told_of
        assert "the letters of the alias 'Best'" in told_of
        assert "the tag 'odd'" in told_of
        assert [each.what for each in report.problems] == [
            "'churn model (2)' is called churn-model-2 already; rename one of them and copy again"
        ]


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://user:secret@host:5432/db?pool_size=3", "postgresql://host:5432/db"),
        ("mlflow:postgresql://user:secret@host/db", "mlflow:postgresql://host/db"),
        ("sqlite:////data/r.db", "sqlite:////data/r.db"),
        ("hf://ann", "hf://ann"),
        ("gto:/data/repo", "gto:/data/repo"),
    ],
)
def test_what_a_copy_records_of_an_address_holds_no_secret(uri: str, shown: str) -> None:
    assert wiring.address(uri) == shown


def command(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="modelry", catch_exceptions=False)


def test_the_command_line_copies_imports_and_tells_what_was_lost(
    here: RegistryRepository, at_hub: Hub, tmp_path: Path
) -> None:
    assert at_hub.url
    ours = f"sqlite:///{tmp_path}/here/r.db"
    done = command("--uri", ours, "copy", "churn@production", "hf://ann")
    assert "copied to hf://ann: 1 model, 1 new version" in done.stdout
    assert "what it could not hold:" in done.stdout
    assert "the packages of the machine that registered it" in done.stdout
    again = command("--uri", ours, "copy", "churn:2", "hf://ann", "--json")
    answer = json.loads(again.stdout)
    assert (answer["new"], answer["there"], answer["versions"]) == (0, 1, ["churn:1"])
    there = f"sqlite:///{tmp_path}/there/r.db"
    whole = command("--uri", there, "import", "hf", "ann/churn", "--json")
    assert json.loads(whole.stdout)["new"] == 1
    told_of = command("--uri", there, "history", "churn").stdout
    assert "a copy of churn:1 of hf://ann" in " ".join(told_of.split())
    for words, code, why in (
        (("import", "ftp", "x"), 1, "there is no import from 'ftp'"),
        (("import", "absent.tar"), 2, "is no file"),
        (("copy", "absent", "hf://ann"), 1, "there is no model absent"),
        (("copy", "churn", there, "--all", "--as", "x"), 2, "--as names the copy"),
        (("import", "gto", str(tmp_path / "absent")), 1, "clone the repository"),
    ):
        refused = command("--uri", ours, *words)
        assert (refused.exit_code, why in " ".join(refused.stderr.split())) == (code, True), words
    assert here.model("churn").versions == 3
