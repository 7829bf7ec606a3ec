"""Experiments, runs and logged models through HTTP: shapes, words and limits as MLflow has them."""

# ruff: noqa: ANN401 - documents are whatever JSON holds

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from server_site import Answer, Caller, Site
from tracking_requests import API, put

_COUNT = itertools.count(1)


class Client:
    """A caller that begins with `/api/2.0/mlflow`, and the documents that it gets."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def get(self, path: str, **query: Any) -> Any:
        return self._good(self.caller.get(f"{API}/{path}", params=query))

    def post(self, path: str, **body: Any) -> Any:
        return self._good(self.caller.post(f"{API}/{path}", body))

    def refused(self, path: str, body: Mapping[str, Any]) -> tuple[int, str, str]:
        answer = self.caller.post(f"{API}/{path}", body)
        return answer.status_code, answer.json()["error_code"], answer.json()["message"]

    def experiment(self) -> str:
        return str(self.post("experiments/create", name=f"e{next(_COUNT)}")["experiment_id"])

    def run(self, experiment: str = "0", **facts: Any) -> Any:
        return self.post("runs/create", experiment_id=experiment, **facts)["run"]["info"]["run_id"]

    @staticmethod
    def _good(answer: Answer) -> Any:
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def client(site: Site) -> Client:
    return Client(site.admin)


def test_an_experiment_looks_as_it_does_in_mlflow(client: Client) -> None:
    tags = [{"key": "a", "value": "b"}]
    identity = client.post("experiments/create", name="looks", tags=tags)["experiment_id"]
    found = client.get("experiments/get", experiment_id=identity)["experiment"]
    assert found.pop("creation_time") == found.pop("last_update_time") > 10**12
    assert found == {
        "experiment_id": identity, "name": "looks", "tags": tags, "lifecycle_stage": "active",
        "artifact_location": f"mlflow-artifacts:/{identity}", "workspace": "default",
    }  # fmt: skip
    by_name = client.get("experiments/get-by-name", experiment_name="looks")["experiment"]
    assert by_name["experiment_id"] == identity
    client.post("experiments/update", experiment_id=identity, new_name="renamed")
    client.post("experiments/set-experiment-tag", experiment_id=identity, key="c", value="d")
    client.post("experiments/delete-experiment-tag", experiment_id=identity, key="a")
    client.post("experiments/delete", experiment_id=identity)
    gone = client.get("experiments/get", experiment_id=identity)["experiment"]
    assert (gone["lifecycle_stage"], gone["name"], gone["tags"]) == (
        "deleted", "renamed", [{"key": "c", "value": "d"}])  # fmt: skip
    client.post("experiments/restore", experiment_id=identity)


def test_experiments_are_found_page_by_page(client: Client) -> None:
    for name in ("page 1", "page 2", "page 3"):
        client.post("experiments/create", name=name)
    asked: dict[str, Any] = {"filter": "name LIKE 'page %'", "max_results": 2, "order_by": ["name"]}
    first = client.post("experiments/search", **asked)
    rest = client.get("experiments/search", page_token=first["next_page_token"], **asked)
    names = [each["name"] for page in (first, rest) for each in page["experiments"]]
    assert names == ["page 1", "page 2", "page 3"]
    assert "next_page_token" not in rest
    assert client.post("experiments/search", filter="name = 'none such'") == {}
    assert client.post("experiments/search", view_type="DELETED_ONLY") == {}


def test_a_run_looks_as_it_does_in_mlflow(client: Client) -> None:
    experiment = client.experiment()
    tags = [{"key": "mlflow.user", "value": "ada"}]
    run = client.post("runs/create", experiment_id=experiment, user_id="ada", start_time=5,
                      run_name="first", tags=tags)["run"]  # fmt: skip
    identity = run["info"]["run_id"]
    assert run == {
        "info": {
            "run_uuid": identity, "run_id": identity, "experiment_id": experiment,
            "run_name": "first", "user_id": "ada", "status": "RUNNING", "start_time": 5,
            "artifact_uri": f"mlflow-artifacts:/{experiment}/{identity}/artifacts",
            "lifecycle_stage": "active",
        },
        "data": {"tags": [*tags, {"key": "mlflow.runName", "value": "first"}]},
        "inputs": {}, "outputs": {},
    }  # fmt: skip
    info = client.post("runs/update", run_uuid=identity, status=3, end_time=9)["run_info"]
    assert (info["status"], info["end_time"]) == ("FINISHED", 9)
    client.post("runs/delete", run_id=identity)
    assert client.get("runs/get", run_id=identity)["run"]["info"]["lifecycle_stage"] == "deleted"
    client.post("runs/restore", run_id=identity)


def test_what_a_run_logs_is_told_with_it(client: Client) -> None:
    run = client.run(client.experiment())
    point = {"key": "auc", "value": 0.5, "timestamp": 7, "step": 1}
    client.post("runs/log-metric", run_id=run, **point)
    client.post("runs/log-parameter", run_id=run, key="C", value="1")
    client.post("runs/set-tag", run_id=run, key="t", value="")
    odd = [{"key": "odd", "value": value, "timestamp": 1, "step": step}
           for step, value in enumerate(("NaN", "Infinity", "-Infinity"))]  # fmt: skip
    client.post("runs/log-batch", run_id=run, metrics=odd, params=[{"key": "d", "value": ""}],
                tags=[{"key": "u", "value": "v"}])  # fmt: skip
    used = {"name": "d", "digest": "1", "source_type": "local", "source": "{}"}
    dataset = {"tags": [{"key": "mlflow.data.context", "value": "training"}], "dataset": used}
    model = client.post("logged-models", experiment_id="0", name="m")["model"]["info"]["model_id"]
    client.post("runs/log-inputs", run_id=run, datasets=[dataset], models=[{"model_id": model}])
    client.post("runs/outputs", run_id=run, models=[{"model_id": model, "step": 2}])
    told = client.get("runs/get", run_id=run)["run"]
    assert told["data"]["metrics"] == [point, {**odd[2], "step": 2}]
    assert told["data"]["params"] == [{"key": "C", "value": "1"}, {"key": "d", "value": ""}]
    assert {"key": "u", "value": "v"} in told["data"]["tags"]
    assert told["inputs"] == {"dataset_inputs": [dataset], "model_inputs": [{"model_id": model}]}
    assert told["outputs"] == {"model_outputs": [{"model_id": model, "step": 2}]}
    history = client.get("metrics/get-history", run_id=run, metric_key="odd", max_results=2)
    assert [each["value"] for each in history["metrics"]] == ["NaN", "Infinity"]
    rest = client.get("metrics/get-history", run_id=run, metric_key="odd",
                      page_token=history["next_page_token"])  # fmt: skip
    assert [each["value"] for each in rest["metrics"]] == ["-Infinity"]
    client.post("runs/delete-tag", run_id=run, key="u")
    summary = client.post("experiments/search-datasets",
                          experiment_ids=[told["info"]["experiment_id"]])  # fmt: skip
    assert summary["dataset_summaries"][0]["context"] == "training"


def test_the_models_that_a_run_logged_are_in_a_tag(client: Client) -> None:
    run = client.run()
    text = '{{"artifact_path":"{}","flavors":{{}},"utc_time_created":"t","run_id":"r","x":"{}"}}'
    for name in ("a", "b"):
        client.post("runs/log-model", run_id=run, model_json=text.format(name, "y" * 5000))
    tags = client.get("runs/get", run_id=run)["run"]["data"]["tags"]
    history = next(each["value"] for each in tags if each["key"] == "mlflow.log-model.history")
    assert '"artifact_path": "b"' in history
    assert '"artifact_path": "a"' not in history  # there is no room for both
    refused = client.refused("runs/log-model", {"run_id": run, "model_json": "{"})
    assert refused[:2] == (400, "INVALID_PARAMETER_VALUE")
    assert "not a valid JSON" in refused[2]
    assert "missing mandatory fields" in client.refused(
        "runs/log-model", {"run_id": run, "model_json": "[]"})[2]  # fmt: skip


def test_histories_of_many_runs_come_at_once_and_thinned(client: Client) -> None:
    runs = sorted(client.run() for _ in range(2))
    points = [{"key": "m", "value": n, "timestamp": n, "step": n} for n in range(10)]
    for run in runs:
        client.post("runs/log-batch", run_id=run, metrics=points)
    bulk = client.get("metrics/get-history-bulk", run_id=runs, metric_key="m", max_results=15)
    assert [each["run_id"] for each in bulk["metrics"]] == [runs[0]] * 10 + [runs[1]] * 5
    some = client.get("metrics/get-history-bulk-interval", run_ids=runs, metric_key="m",
                      start_step=2, end_step=8, max_results=3)["metrics"]  # fmt: skip
    assert [each["step"] for each in some if each["run_id"] == runs[0]] == [2, 5, 8]
    every = client.get("metrics/get-history-bulk-interval", run_ids=runs[0], metric_key="m")
    assert len(every["metrics"]) == 10
    none = client.get("metrics/get-history-bulk-interval", run_ids=runs[0], metric_key="none")
    assert none == {}


def test_runs_are_found_sorted_and_page_by_page(client: Client) -> None:
    experiment = client.experiment()
    for number in range(5):
        run = client.run(experiment, start_time=number)
        client.post("runs/log-batch", run_id=run, params=[{"key": "n", "value": str(number)}],
                    metrics=[{"key": "auc", "value": number / 10, "timestamp": 1}])  # fmt: skip
    asked: dict[str, Any] = {
        "experiment_ids": [experiment], "filter": "metrics.auc >= 0.1 AND params.n != '3'",
        "order_by": ["metrics.auc DESC"], "max_results": 2,
    }  # fmt: skip
    first = client.post("runs/search", **asked)
    rest = client.post("runs/search", page_token=first["next_page_token"], **asked)
    numbers = [
        each["data"]["params"][0]["value"] for page in (first, rest) for each in page["runs"]
    ]
    assert numbers == ["4", "2", "1"]
    assert client.post("runs/search", experiment_ids=["17", "x"]) == {}


def test_a_logged_model_looks_as_it_does_in_mlflow(client: Client) -> None:
    run = client.run()
    saved: dict[str, Any] = {
        "experiment_id": "0", "name": "model", "source_run_id": run, "model_type": "t",
        "params": [{"key": "p", "value": "1"}], "tags": [{"key": "b", "value": "c"}],
    }  # fmt: skip
    model = client.post("logged-models", **saved)["model"]
    identity = model["info"]["model_id"]
    assert model["info"].pop("creation_timestamp_ms") > 10**12
    assert model["info"].pop("last_updated_timestamp_ms") > 10**12
    assert model == {
        "info": {
            "model_id": identity, "experiment_id": "0", "name": "model", "model_type": "t",
            "artifact_uri": f"mlflow-artifacts:/0/models/{identity}/artifacts",
            "status": "LOGGED_MODEL_PENDING", "source_run_id": run, "tags": saved["tags"],
        },
        "data": {"params": saved["params"]},
    }  # fmt: skip
    path = f"{API}/logged-models/{identity}"
    ready = client.caller.patch(path, {"status": 2}).json()["model"]["info"]
    assert ready["status"] == "LOGGED_MODEL_READY"
    point = {"key": "auc", "value": 0.5, "timestamp": 7, "step": 1, "model_id": identity,
             "dataset_name": "d", "dataset_digest": "1"}  # fmt: skip
    client.post("runs/log-batch", run_id=run, metrics=[point])
    assert client.caller.patch(f"{path}/tags", {"tags": [{"key": "a", "value": "x"}]}).json() == {}
    assert client.caller.delete(f"{path}/tags/b").json() == {}
    assert (
        client.post(f"logged-models/{identity}/params", params=[{"key": "q", "value": "2"}]) == {}
    )
    put(client.caller, f"0/models/{identity}/artifacts/data/x", b"12")
    found = client.caller.get(path).json()["model"]
    assert found["info"]["tags"] == [{"key": "a", "value": "x"}]
    assert found["data"]["metrics"] == [{**point, "run_id": run}]
    listed = client.caller.get(f"{path}/artifacts/directories?artifact_directory_path=data").json()
    assert listed["files"] == [{"path": "data/x", "is_dir": False, "file_size": 2}]
    assert client.caller.delete(path).json() == {}
    assert client.caller.get(path).status_code == 404


def test_logged_models_are_found_by_what_was_measured_of_them(client: Client) -> None:
    experiment = client.experiment()
    run, ids = client.run(experiment), []
    for value in (0.2, 0.4, 0.6):
        made = client.post("logged-models", experiment_id=experiment, name="m")
        ids.append(made["model"]["info"]["model_id"])
        client.post("runs/log-metric", run_id=run, key="auc", value=value, timestamp=1,
                    model_id=ids[-1], dataset_name="d")  # fmt: skip

    def found(**asked: Any) -> list[int]:
        told = client.post("logged-models/search", experiment_ids=[experiment], **asked)
        return [ids.index(each["info"]["model_id"]) for each in told.get("models", [])]

    assert found(filter="metrics.auc > 0.3") == [2, 1]
    assert found(order_by=[{"field_name": "metrics.auc", "ascending": True}]) == [0, 1, 2]
    assert found(datasets=[{"dataset_name": "d"}], max_results=2) == [2, 1]
    assert found(datasets=[{"dataset_name": "e"}]) == []
    assert found(filter="metrics.auc < 0.5", datasets=[{"dataset_name": "d"}]) == [1, 0]
    first = client.post("logged-models/search", experiment_ids=[experiment], max_results=2)
    rest = client.post("logged-models/search", experiment_ids=[experiment], max_results=2,
                       page_token=first["next_page_token"])  # fmt: skip
    assert len(rest["models"]) == 1


def test_the_server_says_what_it_is(site: Site) -> None:
    info = site.nobody.get("/api/3.0/mlflow/server-info").json()
    assert (info["store_type"], info["multipart_uploads_enabled"]) == ("SqlStore", False)
    assert site.nobody.get("/health").text == "OK"
    assert site.nobody.get("/version").text == "3.17.2"
    assert site.nobody.get("/health/live").status_code == 200


_INVALID, _ABSENT = "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"
REFUSALS: tuple[tuple[str, Mapping[str, Any], int, str, str], ...] = (
    ("experiments/create", {}, 400, _INVALID, "Missing value for required parameter 'name'."),
    ("experiments/create", {"name": 7}, 400, _INVALID, "Invalid value 7 for parameter 'name'"),
    ("experiments/create", {"name": "Default"}, 400, "RESOURCE_ALREADY_EXISTS",
     "Experiment(name=Default) already exists."),
    ("experiments/create", {"name": "x" * 501}, 400, _INVALID,
     "'name' exceeds the maximum length of 500 characters"),
    ("experiments/create", {"name": "s3", "artifact_location": "s3://x"}, 400, _INVALID,
     "keeps the artifacts"),
    ("experiments/update", {"experiment_id": "17", "new_name": "x"}, 404, _ABSENT,
     "No Experiment with id=17 exists"),
    ("experiments/search", {"max_results": 0}, 400, _INVALID, "Invalid value 0"),
    ("experiments/search", {"view_type": []}, 400, _INVALID, "Invalid value []"),
    ("experiments/search", {"page_token": "?"}, 400, _INVALID, "could not base64-decode"),
    ("experiments/search", {"page_token": "eA=="}, 400, _INVALID, "decoded value"),
    ("experiments/search", {"page_token": "e30="}, 400, _INVALID, "parsed value={}"),
    ("runs/create", {"experiment_id": "17"}, 404, _ABSENT, "No Experiment with id=17 exists"),
    ("runs/create", {"start_time": "soon"}, 400, _INVALID, 'Invalid value "soon"'),
    ("runs/create", {"tags": [{"value": "x"}]}, 400, _INVALID, "'tags[0].key'"),
    ("runs/update", {"run_id": "absent"}, 404, _ABSENT, "Run with id=absent not found"),
    ("runs/update", {"run_id": "{run}", "status": "DONE"}, 400, _INVALID, 'Invalid value "DONE"'),
    ("runs/update", {}, 400, _INVALID, "Missing value for required parameter 'run_id'"),
    ("runs/log-metric", {"run_id": "{run}", "key": "a", "timestamp": 1}, 400, _INVALID, "'value'"),
    ("runs/log-metric", {"run_id": "{run}", "key": "a", "value": "x", "timestamp": 1}, 400, _INVALID,
     'Invalid value "x" for parameter'),
    ("runs/log-metric", {"run_id": "{run}", "key": "a", "value": True, "timestamp": 1}, 400, _INVALID,
     "Invalid value true"),
    ("runs/log-metric", {"run_id": "{run}", "key": "a", "value": 1, "timestamp": 2**70}, 400,
     "INVALID_PARAMETER_VALUE", "beyond 64 bits"),
    ("runs/log-metric", {"run_id": "{run}", "key": "a", "value": 1, "timestamp": -1}, 400, _INVALID,
     "Timestamp must be a nonnegative long"),
    ("runs/log-batch", {"run_id": "{run}", "metrics": [{"key": "a", "value": 1}]}, 400, _INVALID,
     "'metrics[0].timestamp'"),
    ("runs/log-batch", {"run_id": "{run}", "metrics": {}}, 400, _INVALID, "for parameter 'metrics'"),
    ("runs/log-batch", {"run_id": "{run}", "params": [1]}, 400, _INVALID, "for parameter 'params'"),
    ("runs/delete-tag", {"run_id": "{run}", "key": "none"}, 404, _ABSENT, "No tag with name: none"),
    ("runs/log-inputs", {"run_id": "{run}", "datasets": [{}]}, 400, _INVALID, "'datasets[0].dataset'"),
    ("runs/outputs", {"run_id": "{run}", "models": [{"model_id": "m-x"}]}, 404, _ABSENT,
     "Logged model with ID 'm-x' not found."),
    ("runs/search", {"experiment_ids": "0"}, 400, _INVALID, "for parameter 'experiment_ids'"),
    ("runs/search", {"max_results": 50001}, 400, _INVALID, "at most 50000"),
    ("logged-models", {"experiment_id": "0", "name": "a/b"}, 400, _INVALID, "Invalid model name"),
    ("logged-models/search", {}, 400, _INVALID, "'experiment_ids'"),
    ("logged-models/search", {"experiment_ids": ["0"], "datasets": [{}]}, 400, _INVALID,
     "`dataset_name` in the `datasets` clause"),
)  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: f"{case[0]} {case[4]}")
def test_a_mistake_is_told_in_the_words_of_mlflow(
    client: Client, case: tuple[str, Mapping[str, Any], int, str, str]
) -> None:
    path, body, status, code, message = case
    run = client.run()
    asked = {key: run if value == "{run}" else value for key, value in body.items()}
    found = client.refused(path, asked)
    assert found[:2] == (status, code)
    assert message in found[2]


def test_a_parameter_is_written_once(client: Client) -> None:
    run = client.run()
    for _ in range(2):
        client.post("runs/log-parameter", run_id=run, key="C", value="1")
    body = {"run_id": run, "key": "C", "value": "2"}
    status, code, message = client.refused("runs/log-parameter", body)
    assert (status, code) == (400, _INVALID)
    assert message == (
        "Changing param values is not allowed. Param with key='C' was already logged with "
        f"value='1' for run ID='{run}'. Attempted logging new value '2'."
    )


ROW_9_TO_15 = {
    "NaN": b'{"run_id":"x","value":NaN}', "endless": b'{"run_id":"x","value":1e999}',
    "twice": b'{"run_id":"x","run_id":"y"}', "deep": b"[" * 3000, "cut": b'{"run_id":',
    "huge": b'{"run_id":"' + b"x" * 20_000_000 + b'"}', "number": b'{"run_id":' + b"9" * 6000 + b"}",
    "no UTF-8": b'{"run_id":"\xff"}', "surrogate": b'{"run_id":"\\ud800"}', "list": b"[]",
    "text": b'"x"', "nothing": b"", "form": b"run_id=x",
}  # fmt: skip


@pytest.mark.parametrize("path", ["runs/log-metric", "runs/create", "experiments/search"])
@pytest.mark.parametrize("what", ROW_9_TO_15)
def test_rows_9_to_15_a_body_that_means_nothing_is_never_a_fault_of_the_server(
    client: Client, path: str, what: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.caller.post(f"{API}/{path}", content=ROW_9_TO_15[what], headers=headers)
    fine = path != "runs/log-metric" and answer.status_code == 200
    assert fine or 400 <= answer.status_code < 500, answer.text
    assert "Traceback" not in answer.text
