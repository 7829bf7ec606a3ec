"""An MLflow registry is brought over whole, killed on the way, and goes back as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow_filled import MADE, Filler, told
from mlflow_place import MlflowPlace
from mlflow_serving import mlflow_serving_from

from modelry import wiring
from modelry.copying import copy_models, source_of
from modelry.core.errors import RegistryError
from modelry.core.repository import RegistryRepository


@dataclass(frozen=True)
class Ends:
    """Where an MLflow registry is brought from and goes back to, as MLflow's client knows it."""

    source: str
    back: str
    models: int

    @property
    def versions(self) -> int:
        return 10 * self.models

    @property
    def killed_at(self) -> int:
        """How many versions are there when the import is killed."""
        return self.versions * 6 // 25


@pytest.fixture(params=["in files", "at servers"])
def ends(
    request: pytest.FixtureRequest, mlflow_place: MlflowPlace, tmp_path: Path
) -> Iterator[Ends]:
    """Fill one MLflow registry; another is empty.

    In files they are 50 models, which MLflow's client reads and writes in its own
    process. At servers each is an `mlflow server`, of which nothing is reached but by
    HTTP; a version costs most of a second of processor time there and back, so that there
    are few models, unless `MODELRY_TEST_MLFLOW_MODELS` asks for more.
    """
    served = request.param == "at servers"
    models = int(os.environ.get("MODELRY_TEST_MLFLOW_MODELS", "3")) if served else 50
    source, back = mlflow_place.make("source"), mlflow_place.make("back")
    Filler(tmp_path / "source", models=models, versions=10, proxied=served).fill()
    if not served:
        yield Ends(source, back, models)
        return
    with (
        mlflow_serving_from(tmp_path / "source") as from_here,
        mlflow_serving_from(tmp_path / "back") as to_there,
    ):
        yield Ends(from_here, to_there, models)


def importing(source: str, target: str) -> list[str]:
    return [sys.executable, "-m", "modelry.cli.main", "--uri", target, "import", "mlflow",
            source, "--json"]  # fmt: skip


def brought(target: RegistryRepository) -> int:
    try:
        return sum(each.versions for each in target.models(limit=1000))
    except RegistryError:  # the other process makes the tables just now
        return 0


@pytest.mark.proof
def test_models_of_ten_versions_survive_a_kill_and_go_back_equal(
    ends: Ends, tmp_path: Path
) -> None:
    target = f"sqlite:///{tmp_path}/ours/registry.db"
    with wiring.connect(target) as ours, wiring.connect(_remote(ends.back)) as theirs:
        _import_killed(ends, target, ours)
        command = importing(ends.source, target)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        answer = json.loads(done.stdout)
        assert (answer["models"], answer["new"] + answer["there"]) == (ends.models, ends.versions)
        assert answer["there"] >= ends.killed_at
        assert (answer["lost"], answer["problems"]) == ([], [])
        assert not ours.audit().problems
        copied = copy_models(source_of(ours, target), theirs)
        assert (copied.new, copied.problems) == (ends.versions, [])
        assert {each.what for each in copied.lost} <= {
            "the packages of the machine that registered it"
        }
    assert list(told(ends.back)) == list(told(ends.source))


def _remote(uri: str) -> str:
    return f"mlflow+{uri}" if uri.startswith("http") else f"mlflow:{uri}"


def _import_killed(ends: Ends, target: str, ours: RegistryRepository) -> None:
    """Import until there are some versions, and kill the process then."""
    command = importing(ends.source, target)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while brought(ours) < ends.killed_at and process.poll() is None:
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        process.kill()
    assert ends.killed_at <= brought(ours) < ends.versions


def test_an_import_tells_the_first_author_and_time_in_its_events(
    mlflow_place: MlflowPlace, tmp_path: Path
) -> None:
    source = mlflow_place.make("source")
    Filler(tmp_path / "source", models=1, versions=4).fill()
    with (
        wiring.connect(f"mlflow:{source}") as other,
        wiring.connect(f"sqlite:///{tmp_path}/r.db") as ours,
    ):
        assert copy_models(source_of(other, f"mlflow:{source}"), ours).new == 4
        again = copy_models(source_of(other, f"mlflow:{source}"), ours)
        assert (again.new, again.there, again.problems) == (0, 4, [])
        version = ours.resolve("model-00:2")
        event = ours.history("model-00:2").events[-1]
        origin = json.loads(str(event.body["tags"]["modelry.origin"]))  # type: ignore[call-overload,index]  # a JSON object
        assert (origin["author"], origin["ref"]) == ("ann", "model-00:2")
        assert origin["created"] == "2023-11-14T22:13:22+00:00"
        assert MADE == 1_700_000_000_000
        assert (version.run_id, version.stage) == (f"{2:032x}", "archived")
        assert version.metrics == {"auc": 0.125}
        assert ours.resolve("model-00:1").datasets[0].uri == "s3://data/0"
        assert ours.model("model-00").model.tags["owner"] == "team 0"
        assert len(ours.history("model-00").events) == 10
