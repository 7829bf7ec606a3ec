"""What is particular to a registry at MLflow, against a real server and its stock client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow_place import MlflowPlace

from modelry import wiring
from modelry.core.errors import Conflict, Corrupt, Invalid, NotFound, Unavailable, Unsupported
from modelry.core.model import Dataset
from modelry.core.repository import RegistryRepository


@pytest.fixture
def registry(mlflow_server: str) -> Iterator[RegistryRepository]:
    with wiring.connect(f"mlflow+{mlflow_server}") as opened:
        yield opened


@pytest.fixture
def client(mlflow_server: str) -> MlflowClient:
    return MlflowClient(tracking_uri=mlflow_server, registry_uri=mlflow_server)


@pytest.fixture
def here(mlflow_place: MlflowPlace) -> Iterator[RegistryRepository]:
    with wiring.connect(f"mlflow:{mlflow_place.make('here')}") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m" / "data").mkdir(parents=True)
    (tmp_path / "m" / "MLmodel").write_text("flavors: {}\n", encoding="utf-8")
    (tmp_path / "m" / "data" / "w.bin").write_bytes(b"weights")
    return tmp_path / "m"


def test_what_is_registered_is_mlflows_own_in_every_part(
    registry: RegistryRepository, client: MlflowClient, folder: Path, tmp_path: Path
) -> None:
    made = registry.register(
        "own", folder, version="1.0.0", metrics={"auc": 0.5, "steps": 3}, tags={"team": "risk"},
        params={"C": 1.0, "solver": "lbfgs"}, description="first",
        datasets=[Dataset("loans", "d1", "s3://loans")],
    )  # fmt: skip
    registry.promote("own:1", "production")
    registry.alias("own", "champion", "1.0.0")
    found = client.get_model_version_by_alias("own", "champion")
    assert (found.version, found.current_stage, found.tags) == ("1", "Production", {"team": "risk"})
    assert found.description == "first"
    run = client.get_run(str(found.run_id))
    assert (run.data.metrics, run.info.status) == ({"auc": 0.5, "steps": 3.0}, "FINISHED")
    assert run.data.params == {"C": "1.0", "solver": "lbfgs"}
    assert run.inputs is not None
    assert [each.dataset.name for each in run.inputs.dataset_inputs] == ["loans"]
    again = registry.resolve("own@champion")
    assert again.params == {"C": 1.0, "solver": "lbfgs"}
    assert isinstance(again.metrics["steps"], int)
    assert (again.version, again.digest, again.stage) == ("1.0.0", made.digest, "production")
    assert again.datasets == (Dataset("loans", "d1", "s3://loans"),)
    used = registry.use("own@production", to=tmp_path / "used")
    assert (used / "data" / "w.bin").read_bytes() == b"weights"


def test_a_version_that_others_made_there_is_found_and_used(
    registry: RegistryRepository, client: MlflowClient, folder: Path
) -> None:
    run = client.create_run("0")
    client.log_artifacts(run.info.run_id, str(folder), "model")
    client.log_metric(run.info.run_id, "auc", 0.75)
    client.log_param(run.info.run_id, "depth", "3")
    client.create_registered_model("theirs", tags={"owner": "bo"})
    client.create_model_version(
        "theirs", f"{run.info.artifact_uri}/model", run.info.run_id, tags={"gpu": ""}
    )
    found = registry.resolve("theirs")
    assert (found.metrics, found.params, found.tags) == ({"auc": 0.75}, {"depth": "3"}, {"gpu": ""})
    assert (found.run_id, found.digest, found.files) == (run.info.run_id, "", ())
    assert sorted(path.name for path in registry.use("theirs:1").iterdir()) == ["MLmodel", "data"]
    assert [str(event.kind) for event in registry.history("theirs")] == ["version.registered"]
    summary = registry.model("theirs")
    assert (summary.versions, summary.model.tags) == (1, {"owner": "bo"})
    assert "theirs" in {each.model.name for each in registry.models()}


def test_a_run_that_is_named_takes_the_version_in(here: RegistryRepository, folder: Path) -> None:
    uri = "sqlite:" + str(getattr(here, "where", "")).partition("sqlite:")[2]
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    run = client.create_run(client.create_experiment("mine"))
    for _ in range(2):
        made = here.register("m", folder, run_id=run.info.run_id, metrics={"auc": 0.5})
    assert (made.number, made.run_id) == (2, run.info.run_id)
    assert client.get_run(run.info.run_id).data.metrics == {"auc": 0.5}
    elsewhere = here.register("m", folder, run_id="of-another-server")
    assert elsewhere.run_id == "of-another-server"


def test_numbers_are_passed_over_and_never_given_out_again(
    here: RegistryRepository, folder: Path
) -> None:
    here.register("m", folder)
    assert here.register("m", folder, version=4).number == 4
    assert [each.number for each in here.versions("m")] == [4, 1]
    with pytest.raises(Conflict, match="the next is 5, not 2"):
        here.register("m", folder, version=2)
    with pytest.raises(Conflict, match="numbers passed over"):
        here.register("m", folder, version=5000)
    here.delete("m:4")
    assert here.register("m", folder).number == 5


def test_a_refused_registration_leaves_no_run(here: RegistryRepository, folder: Path) -> None:
    uri = "sqlite:" + str(getattr(here, "where", "")).partition("sqlite:")[2]
    here.register("m", folder, version=2)
    with pytest.raises(Conflict):
        here.register("m", folder, version=1, params={"x": "1"})
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.get_experiment_by_name("modelry")
    assert experiment is not None
    assert len(client.search_runs([experiment.experiment_id])) == 1


def test_bytes_that_were_changed_there_are_noticed(
    here: RegistryRepository, folder: Path, tmp_path: Path
) -> None:
    made = here.register("m", folder)
    place = Path(made.source.removeprefix("file://"))
    (place / "data" / "w.bin").write_bytes(b"WEIGHTS")
    with pytest.raises(Corrupt, match="m:1 are not what was registered"):
        here.use("m:1", to=tmp_path / "used")
    assert not (tmp_path / "used").exists()


def test_what_is_there_already_is_not_written_over(
    here: RegistryRepository, folder: Path, tmp_path: Path
) -> None:
    here.register("m", folder)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine").touch()
    with pytest.raises(Conflict, match="holds something else"):
        here.use("m:1", to=tmp_path / "used")
    kept = here.use("m:1")
    (kept / "MLmodel").write_text("edited", encoding="utf-8")
    assert (here.use("m:1") / "MLmodel").read_text(encoding="utf-8") == "flavors: {}\n"


def test_a_search_says_what_mlflow_can_say(here: RegistryRepository, folder: Path) -> None:
    for name, team in (("fraud", "risk"), ("churn", "it's")):
        here.register(name, folder, tags={"team": team, name: ""})

    def numbers(text: str) -> list[str]:
        return sorted(each.ref for each in here.search(text))

    assert numbers("") == ["churn:1", "fraud:1"]
    assert numbers("name = fraud") == numbers("tags.fraud") == ["fraud:1"]
    assert numbers('tags.team = "it\'s"') == numbers("name ~ HUR and number >= 1") == ["churn:1"]
    assert numbers("name in (fraud, churn) and tags.team != risk") == ["churn:1"]
    assert [each.name for each in here.search("order by name asc")] == ["churn", "fraud"]
    page = here.search("order by name asc", limit=1)
    assert [each.name for each in here.search("order by name asc", cursor=page.next)] == ["fraud"]
    for text in (
        "fraud", "not name = fraud", "name = a or name = b", "metrics.auc > 1", "number in (1, 2)",
        "order by metrics.auc", "tags.team in (a, b)", "number = 1.5", "name = \"a'\\\"b\"",
    ):  # fmt: skip
        with pytest.raises(Unsupported, match="the search of an MLflow registry cannot"):
            here.search(text)


def test_pages_have_a_size_and_cursors_of_their_own(here: RegistryRepository, folder: Path) -> None:
    here.register("m", folder)
    for ask in (here.versions, here.history):
        for limit in (0, -1, 1001):
            with pytest.raises(Invalid, match="a page holds 1 to 1000"):
                ask("m", limit=limit)
        for cursor in ("x", "-1", "9" * 30, "\u0663"):
            with pytest.raises(Invalid, match="is not a cursor of this list; begin again"):
                ask("m", cursor=cursor)


def test_aliases_and_stages_move_and_say_why_not(here: RegistryRepository, folder: Path) -> None:
    for _ in range(3):
        here.register("m", folder)
    here.alias("m", "Champion", "1")
    here.alias("m", "champion", "@latest")
    assert here.resolve("m@CHAMPION").aliases == ("champion",)
    here.remove_alias("m", "champion")
    with pytest.raises(NotFound, match="m has no alias 'champion'; it has: none"):
        here.remove_alias("m", "champion")
    here.promote("m:2", "staging")
    with pytest.raises(Conflict, match="a newer one is there"):
        here.promote("m:1", "staging")
    here.promote("m:1", "staging", displace="archive")
    assert [each.stage for each in here.versions("m")] == ["none", "archived", "staging"]
    assert here.archive("m@staging").stage == "archived"


@pytest.mark.parametrize(
    "uri", ["mlflow+http://user:secret@host", "mlflow:", "mlflow+http://", "mlflow:nothing"]
)
def test_an_address_that_is_none_is_refused_without_a_secret(uri: str) -> None:
    with pytest.raises(Invalid) as caught:
        wiring.connect(uri)
    assert "secret" not in str(caught.value)


def test_a_server_that_is_away_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = wiring.connect("mlflow+http://127.0.0.1:9")
    with pytest.raises(Unavailable, match=r"the MLflow registry http://127.0.0.1:9 answers"):
        away.register("m", folder)
