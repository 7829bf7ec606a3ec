"""An MLflow registry is brought over whole, killed on the way, and goes back as it was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow_filled import MADE, Filler, told
from mlflow_place import MlflowPlace

from modelry import wiring
from modelry.copying import copy_models, source_of
from modelry.core.errors import RegistryError
from modelry.core.repository import RegistryRepository


def importing(source: str, target: str) -> list[str]:
    return [sys.executable, "-m", "modelry.cli.main", "--uri", target, "import", "mlflow",
            source, "--json"]  # fmt: skip


def brought(target: RegistryRepository) -> int:
    try:
        return sum(each.versions for each in target.models(limit=1000))
    except RegistryError:  # the other process makes the tables just now
        return 0


@pytest.mark.proof
def test_fifty_models_of_ten_versions_survive_a_kill_and_go_back_equal(
    mlflow_place: MlflowPlace, tmp_path: Path
) -> None:
    source, back = mlflow_place.make("source"), mlflow_place.make("back")
    Filler(tmp_path / "source", models=50, versions=10).fill()
    target = f"sqlite:///{tmp_path}/ours/registry.db"
    with wiring.connect(target) as ours, wiring.connect(f"mlflow:{back}") as theirs:
        with subprocess.Popen(importing(source, target), stdout=subprocess.DEVNULL) as process:
            while brought(ours) < 120 and process.poll() is None:
                try:
                    process.wait(0.2)
                except subprocess.TimeoutExpired:
                    continue
            process.kill()
        assert 120 <= brought(ours) < 500
        done = subprocess.run(importing(source, target), capture_output=True, text=True, check=True)
        answer = json.loads(done.stdout)
        assert (answer["models"], answer["new"] + answer["there"]) == (50, 500)
        assert answer["there"] >= 120
        assert (answer["lost"], answer["problems"]) == ([], [])
        assert not ours.audit().problems
        copied = copy_models(source_of(ours, target), theirs)
        assert (copied.new, copied.problems) == (500, [])
        assert {each.what for each in copied.lost} <= {
            "the packages of the machine that registered it"
        }
    assert list(told(back)) == list(told(source))


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
