"""An MLflow registry full of models, written in one go with MLflow's own tables."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow_serving import KEPT

MADE = 1_700_000_000_000
"""When the first version was made, in milliseconds."""

_STAGES = ("None", "Staging", "Archived", "Production", "None")

Rows = dict[str, list[dict[str, object]]]


@dataclass
class Filler:
    """Writes `models` models of `versions` versions each.

    The files lie beside the database, or with `proxied` where a server that is
    started in the folder afterwards hands them out.
    """

    folder: Path
    models: int
    versions: int
    proxied: bool = False
    rows: Rows = field(default_factory=dict)

    def fill(self) -> None:
        """Write everything: rows, and a folder of two files for each version."""
        for model in range(self.models):
            self._model(f"model-{model:02}", model)
        database = sqlite3.connect(self.folder / "mlflow.db")
        with database:
            for table, rows in self.rows.items():
                names = ", ".join(f"`{name}`" for name in rows[0])
                marks = ", ".join("?" for _ in rows[0])
                database.executemany(
                    f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - our own names
                    [tuple(row.values()) for row in rows],
                )
        database.close()

    def _add(self, table: str, **row: object) -> None:
        self.rows.setdefault(table, []).append(row)

    def _model(self, name: str, at: int) -> None:
        self._add("registered_models", name=name, creation_time=MADE + at,
                  last_updated_time=MADE + at, description=f"The model {name}, ünïcode",
                  workspace="default")  # fmt: skip
        self._add("registered_model_tags", name=name, key="owner", value=f"team {at % 5}",
                  workspace="default")  # fmt: skip
        for number in range(1, self.versions + 1):
            self._version(name, number, at)
        for alias, number in (("champion", 1 + at % self.versions), ("newest", self.versions)):
            self._add("registered_model_aliases", name=name, alias=alias, version=number,
                      workspace="default")  # fmt: skip

    def _version(self, name: str, number: int, at: int) -> None:
        run = f"{at * 1000 + number:032x}"
        folder, address = self._place(run)
        place = folder / "model"
        (place / "data").mkdir(parents=True)
        (place / "MLmodel").write_text(f"flavors: {{}}\nrun_id: {run}\n", encoding="utf-8")
        (place / "data" / "weights.bin").write_bytes(f"weights {name} {number}".encode() * 4)
        self._run(run, address, number, at)
        self._add("model_versions", name=name, version=number, creation_time=MADE + number * 1000,
                  last_updated_time=MADE + number * 2000, description=f"the {number}th",
                  current_stage=_STAGES[(number + at) % 5], source=f"{address}/model", run_id=run,
                  status="READY", user_id="ann", workspace="default")  # fmt: skip
        for key, value in (("task", "churn"), ("number", str(number)), ("empty", "")):
            self._add("model_version_tags", name=name, version=number, key=key, value=value,
                      workspace="default")  # fmt: skip

    def _place(self, run: str) -> tuple[Path, str]:
        """Answer the folder of a run's artefacts, and how MLflow calls it."""
        if self.proxied:
            within = f"0/{run}/artifacts"
            return self.folder / KEPT / within, f"mlflow-artifacts:/{within}"
        folder = self.folder / "runs" / run / "artifacts"
        return folder, folder.as_uri()

    def _run(self, run: str, address: str, number: int, at: int) -> None:
        self._add("runs", run_uuid=run, name=f"run {number}", source_type="LOCAL", source_name="",
                  entry_point_name="", user_id="ann", status="FINISHED", start_time=MADE,
                  end_time=MADE + 5, source_version="", lifecycle_stage="active",
                  artifact_uri=address, experiment_id=0)  # fmt: skip
        for table in ("metrics", "latest_metrics"):
            self._add(table, run_uuid=run, key="auc", value=number / 16, timestamp=MADE, step=0,
                      is_nan=False)  # fmt: skip
        self._add("params", run_uuid=run, key="C", value=str(number))
        self._add("params", run_uuid=run, key="solver", value="lbfgs")
        if number == 1:
            source = json.dumps({"uri": f"s3://data/{at}"})
            self._add("datasets", dataset_uuid=run, experiment_id=0, name="loans",
                      digest=f"d{at}", dataset_source_type="s3", dataset_source=source)  # fmt: skip
            self._add("inputs", input_uuid=run, source_type="DATASET", source_id=run,
                      destination_type="RUN", destination_id=run, step=0)  # fmt: skip


def told(uri: str) -> Iterator[dict[str, Any]]:
    """Answer everything that MLflow's client tells of every version, but ids and times."""
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    for model in client.search_registered_models(max_results=1000):
        yield {"model": model.name, "description": model.description, "tags": model.tags,
               "aliases": {name: str(of) for name, of in model.aliases.items()}}  # fmt: skip
        found = client.search_model_versions(f"name = '{model.name}'", max_results=1000)
        for version in sorted(found, key=lambda each: int(each.version)):
            run = client.get_run(str(version.run_id))
            yield {
                "model": model.name, "version": str(version.version), "stage": version.current_stage,
                "description": version.description, "tags": version.tags,
                "metrics": run.data.metrics, "params": run.data.params,
                "data": [(each.dataset.name, each.dataset.digest, each.dataset.source,
                          each.dataset.source_type) for each in (run.inputs.dataset_inputs if run.inputs else ())],
                "files": _files(client, version.name, version.version),
            }  # fmt: skip


def _files(client: MlflowClient, name: str, version: str) -> dict[str, bytes]:
    from mlflow.artifacts import download_artifacts

    place = client.get_model_version_download_uri(name, version)
    folder = Path(download_artifacts(artifact_uri=place, tracking_uri=client.tracking_uri))
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
