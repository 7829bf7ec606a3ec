"""The registry half of MLflow's protocol: codes, texts, shapes and what follows, through HTTP."""

# ruff: noqa: ANN401 - documents are whatever JSON holds

from __future__ import annotations

import itertools
from typing import Any

import pytest
from server_site import Answer, Caller, Site

from modelry.core.registry import Registry

API = "/api/2.0/mlflow"
_names = itertools.count(1)


def ask(caller: Caller, method: str, path: str, base: str = API, **asked: Any) -> Answer:
    """Send parameters as MLflow does: in the query of a GET, else in the body."""
    if method == "GET":
        return caller.get(f"{base}/{path}", params=asked)
    return caller(method, f"{base}/{path}", json=asked)


def done(caller: Caller, method: str, path: str, base: str = API, **asked: Any) -> Any:
    answer = ask(caller, method, path, base, **asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(caller: Caller, method: str, path: str, **asked: Any) -> tuple[int, str, str]:
    answer = ask(caller, method, path, **asked)
    document = answer.json()
    return answer.status_code, document["error_code"], document["message"]


@pytest.fixture
def name(site: Site) -> str:
    """Make a model with three versions."""
    made = f"model-{next(_names)}"
    done(site.admin, "POST", "registered-models/create", name=made)
    for number in (1, 2, 3):
        done(site.admin, "POST", "model-versions/create", name=made, source=f"s3://bucket/{number}")
    return made


def move(site: Site, name: str, version: int, stage: str, *, archiving: bool = False) -> Any:
    return done(site.admin, "POST", "model-versions/transition-stage", name=name,
                version=str(version), stage=stage, archive_existing_versions=archiving)  # fmt: skip


def stages(site: Site, name: str) -> dict[str, str]:
    found = done(site.admin, "GET", "model-versions/search", filter=f"name = '{name}'")
    return {each["version"]: each["current_stage"] for each in found["model_versions"]}


def test_a_model_and_its_versions_have_the_shapes_of_mlflow(site: Site) -> None:
    tags = [{"key": "team", "value": "risk"}, {"key": "n", "value": ""}]
    made = done(site.admin, "POST", "registered-models/create", name="shape", tags=tags,
                description="why")["registered_model"]  # fmt: skip
    at = made["creation_timestamp"]
    assert isinstance(at, int)
    assert made == {"name": "shape", "creation_timestamp": at, "last_updated_timestamp": at,
                    "user_id": "admin", "description": "why", "tags": tags}  # fmt: skip
    version = done(site.admin, "POST", "model-versions/create", name="shape", source="s3://b/c",
                   run_id="r1", run_link="https://elsewhere/r1")["model_version"]  # fmt: skip
    at = version["creation_timestamp"]
    assert version == {
        "name": "shape", "version": "1", "creation_timestamp": at, "last_updated_timestamp": at,
        "user_id": "admin", "current_stage": "None", "description": "", "source": "s3://b/c",
        "run_id": "r1", "status": "READY", "run_link": "https://elsewhere/r1",
    }  # fmt: skip
    done(site.admin, "POST", "registered-models/alias", name="shape", alias="champion", version="1")
    got = done(site.admin, "GET", "registered-models/get", name="shape")["registered_model"]
    assert got["aliases"] == [{"alias": "champion", "version": "1"}]
    assert got["latest_versions"] == [version]
    assert done(site.admin, "GET", "model-versions/get", name="shape", version="1") == {
        "model_version": {**version, "aliases": ["champion"]}}  # fmt: skip


TEXTS = [
    ("GET", "registered-models/get", {"name": "nope"}, 404, "RESOURCE_DOES_NOT_EXIST",
     "Registered Model with name=nope not found"),
    ("GET", "registered-models/get", {}, 400, "INVALID_PARAMETER_VALUE",
     ("Missing value for required parameter 'name'. See the API docs for more information about "
      "request parameters.")),
    ("POST", "registered-models/create", {"name": "a/b"}, 400, "INVALID_PARAMETER_VALUE",
     "Invalid model name 'a/b'. Names cannot contain '/' or ':'."),
    ("POST", "registered-models/create", {"name": "taken"}, 400, "RESOURCE_ALREADY_EXISTS",
     "Registered Model (name=taken) already exists."),
    ("POST", "registered-models/create", {"name": 5}, 400, "INVALID_PARAMETER_VALUE",
     ("Invalid value 5 for parameter 'name' supplied:  Hint: Value was of type 'int'. See the API "
      "docs for more information about request parameters.")),
    ("POST", "model-versions/create", {"name": "nope", "source": "s3://b"}, 404,
     "RESOURCE_DOES_NOT_EXIST", "Registered Model with name=nope not found"),
    ("POST", "model-versions/create", {"name": "taken"}, 400, "INVALID_PARAMETER_VALUE",
     ("Missing value for required parameter 'source'. See the API docs for more information about "
      "request parameters.")),
    ("GET", "model-versions/get", {"name": "taken", "version": "99"}, 404,
     "RESOURCE_DOES_NOT_EXIST", "Model Version (name=taken, version=99) not found"),
    ("GET", "model-versions/get", {"name": "taken", "version": "x"}, 400,
     "INVALID_PARAMETER_VALUE", "Parameter 'version' must be an integer, got 'x'."),
    ("GET", "model-versions/get", {"name": "taken", "version": "9" * 39}, 404,
     "RESOURCE_DOES_NOT_EXIST", f"Model Version (name=taken, version={'9' * 39}) not found"),
    ("POST", "registered-models/alias", {"name": "taken", "alias": "Latest", "version": "1"}, 400,
     "INVALID_PARAMETER_VALUE", "'latest' alias name (case insensitive) is reserved."),
    ("POST", "registered-models/alias", {"name": "taken", "alias": "v1", "version": "1"}, 400,
     "INVALID_PARAMETER_VALUE", "Version alias name 'v1' is reserved."),
    ("POST", "registered-models/alias", {"name": "taken", "alias": "a", "version": "77"}, 404,
     "RESOURCE_DOES_NOT_EXIST", "Model Version (name=taken, version=77) not found"),
    ("GET", "registered-models/alias", {"name": "taken", "alias": "none-such"}, 400,
     "INVALID_PARAMETER_VALUE", "Registered model alias none-such not found."),
    ("POST", "registered-models/get-latest-versions", {"name": "taken", "stages": ["Shadow"]}, 400,
     "INVALID_PARAMETER_VALUE",
     "Invalid Model Version stage: Shadow. Value must be one of None, Staging, Production, Archived."),
    ("POST", "model-versions/transition-stage",
     {"name": "taken", "version": "1", "stage": "None", "archive_existing_versions": True}, 400,
     "INVALID_PARAMETER_VALUE",
     ("Model version transition cannot archive existing model versions because 'None' is not an "
      "Active stage. Valid stages are ['Staging', 'Production']")),
    ("POST", "model-versions/create", {"name": "taken", "source": "runs:/r1/model"}, 400,
     "INVALID_PARAMETER_VALUE",
     ("Invalid model version source: 'runs:/r1/model'. The run_id request parameter must identify "
      "the resource that contains the source.")),
    ("POST", "model-versions/create", {"name": "taken", "source": "/etc/passwd", "run_id": "r"},
     400, "INVALID_PARAMETER_VALUE",
     ("Invalid model version source: '/etc/passwd'. To use a local path as a model version source, "
      "the run_id request parameter has to be specified and the local path has to be contained "
      "within the artifact directory of the run specified by the run_id.")),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "asked", "status", "code", "text"), TEXTS)
def test_a_mistake_is_told_in_the_words_of_mlflow(  # noqa: PLR0913 - a row of the table
    site: Site, method: str, path: str, asked: dict[str, Any], status: int, code: str, text: str
) -> None:
    ask(site.admin, "POST", "registered-models/create", name="taken")
    there = ask(site.admin, "GET", "registered-models/get", name="taken").json()
    if "latest_versions" not in there["registered_model"]:
        done(site.admin, "POST", "model-versions/create", name="taken", source="s3://b/c")
    assert refused(site.admin, method, path, **asked) == (status, code, text)


@pytest.mark.parametrize(
    "source",
    ["file:///etc/passwd", "C:\\models", "http://169.254.169.254/latest", "https://evil/x",
     "ftp://host/x", "s3://bucket/../other", "s3://bucket/%2e%2e/other", "mlflow-artifacts:/1/x",
     "models:/", "models:/none-such/1", "models:/m-1", "s3://b/%252e%252e/%2525", "s3://a/\0",
     "http://host/api/2.0/mlflow-artifacts/artifacts/1/x", "x" * 9000, "mlflow-artifacts:/../x"],
)  # fmt: skip
def test_a_source_that_leads_elsewhere_is_refused(site: Site, name: str, source: str) -> None:
    status, code, _ = refused(site.admin, "POST", "model-versions/create", name=name, source=source)
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert stages(site, name).keys() == {"1", "2", "3"}


def test_a_source_elsewhere_is_named_and_told_to_be_unsealed(site: Site, name: str) -> None:
    uri = done(site.admin, "GET", "model-versions/get-download-uri", name=name, version="1")
    assert uri == {"artifact_uri": "s3://bucket/1"}
    assert site.admin.get(f"/registry/models/{name}/versions/1").json()["sealed"] is False
    copied = done(site.admin, "POST", "model-versions/create", name=name,
                  source=f"models:/{name}/1")["model_version"]  # fmt: skip
    uri = done(site.admin, "GET", "model-versions/get-download-uri", name=name,
               version=copied["version"])  # fmt: skip
    assert uri == {"artifact_uri": "s3://bucket/1"}


def test_what_is_registered_from_a_version_of_ours_is_sealed(site: Site, name: str) -> None:
    site.admin.version(name, b"weights", metrics={"auc": 0.9})
    done(site.admin, "POST", "registered-models/alias", name=name, alias="best", version="4")
    move(site, name, 4, "Production")
    for source in (f"models:/{name}/4", f"models:/{name}@best", f"models:/{name}/Production"):
        made = done(site.admin, "POST", "model-versions/create", name=name, source=source)
        version = made["model_version"]["version"]
        assert made["model_version"]["source"] == f"models:/{name}/4"
        uri = done(site.admin, "GET", "model-versions/get-download-uri", name=name, version=version)
        address = uri["artifact_uri"].removeprefix(site.admin.base)
        assert site.admin.get(f"{address}/model.bin").content == b"weights"
        part = site.admin.get(f"{address}/model.bin", headers={"Range": "bytes=1-3"})
        assert (part.status_code, part.content) == (206, b"eig")
        assert site.admin.get(address).json() == {
            "files": [{"path": "model.bin", "is_dir": False, "file_size": 7}]}  # fmt: skip
        assert site.admin.get(address, params={"path": "model.bin"}).json() == {}
        gone = site.admin.get(f"{address}/nothing.bin")
        assert (gone.status_code, gone.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
        again = done(site.admin, "POST", "model-versions/create", name=name,
                     source=f"{uri['artifact_uri']}/")["model_version"]  # fmt: skip
        assert again["source"] == f"models:/{name}/{version}"
        native = site.admin.get(f"/registry/models/{name}/versions/{version}").json()
        assert (native["sealed"], native["metrics"]) == (True, {"auc": 0.9})


def test_stages_keep_the_meaning_of_mlflow(site: Site, name: str) -> None:
    assert move(site, name, 1, "pRoDuCtIoN")["model_version"]["current_stage"] == "Production"
    move(site, name, 2, "Production")
    assert stages(site, name) == {"1": "Production", "2": "Production", "3": "None"}
    assert site.admin.get(f"/registry/resolve?ref={name}@production").json()["number"] == 2
    moved = move(site, name, 3, "Production", archiving=True)["model_version"]
    assert stages(site, name) == {"1": "Archived", "2": "Archived", "3": "Production"}
    times = {each["last_updated_timestamp"] for each in done(
        site.admin, "GET", "model-versions/search", filter=f"name = '{name}'")["model_versions"]}  # fmt: skip
    assert times == {moved["last_updated_timestamp"]}
    move(site, name, 1, "Staging")
    move(site, name, 2, "Staging", archiving=True)
    assert stages(site, name) == {"1": "Archived", "2": "Staging", "3": "Production"}
    latest = done(site.admin, "GET", "registered-models/get-latest-versions", name=name)
    found = {each["current_stage"]: each["version"] for each in latest["model_versions"]}
    assert found == {"Archived": "1", "Staging": "2", "Production": "3"}
    some = done(site.admin, "POST", "registered-models/get-latest-versions", name=name,
                stages=["staging", "none"])  # fmt: skip
    assert [each["version"] for each in some["model_versions"]] == ["2"]


def test_what_the_stages_of_a_project_forbid_is_refused(site: Site) -> None:
    site.admin.made("/registry/projects", {"name": "strict"})
    told = ["new", "checked", {"name": "live", "exclusive": True, "after": ["checked"]},
            {"name": "gold", "four_eyes": True}, {"name": "old", "pointed": False}]  # fmt: skip
    assert site.admin.put("/registry/projects/strict/stages", {"stages": told}).status_code == 200
    base = f"/projects/strict{API}"
    done(site.admin, "POST", "registered-models/create", base, name="m")
    made = done(site.admin, "POST", "model-versions/create", base, name="m", source="s3://b/c")
    assert made["model_version"]["current_stage"] == "None"

    def go(stage: str, *, archiving: bool = False) -> Answer:
        return ask(site.admin, "POST", "model-versions/transition-stage", base, name="m",
                   version="1", stage=stage, archive_existing_versions=archiving)  # fmt: skip

    assert go("Production").json()["error_code"] == "RESOURCE_CONFLICT"
    assert go("Staging").json()["message"].startswith("this project has no stage Staging")
    assert go("checked").json()["model_version"]["current_stage"] == "checked"
    assert go("gold").json()["error_code"] == "PERMISSION_DENIED"
    assert go("gold", archiving=True).status_code == 400
    assert go("Production", archiving=True).json()["model_version"]["current_stage"] == "Production"
    assert site.admin.get("/registry/resolve?ref=strict/m@live").json()["number"] == 1
    assert go("Archived").json()["model_version"]["current_stage"] == "Archived"
    latest = done(site.admin, "GET", "registered-models/get-latest-versions", base, name="m",
                  stages="Archived")  # fmt: skip
    assert [each["version"] for each in latest["model_versions"]] == ["1"]


def test_aliases_are_set_moved_and_taken_away(site: Site, name: str) -> None:
    for version in ("1", "2"):
        done(site.admin, "POST", "registered-models/alias", name=name, alias="champion",
             version=version)  # fmt: skip
    got = done(site.admin, "GET", "registered-models/alias", name=name, alias="champion")
    assert (got["model_version"]["version"], got["model_version"]["aliases"]) == ("2", ["champion"])
    got = done(site.admin, "GET", "registered-models/alias", name=name, alias="latest")
    assert got["model_version"]["version"] == "3"
    for _ in range(2):
        done(site.admin, "DELETE", "registered-models/alias", name=name, alias="champion")
    assert (
        refused(site.admin, "GET", "registered-models/alias", name=name, alias="champion")[0] == 400
    )
    status, code, _ = refused(site.admin, "POST", "registered-models/alias", name=name,
                              alias="production", version="1")  # fmt: skip
    assert (status, code) == (409, "RESOURCE_CONFLICT")


def test_tags_are_set_and_taken_away_however_often(site: Site, name: str) -> None:
    long = "é" * 100_000
    for kind, of in (("registered-models", {}), ("model-versions", {"version": "1"})):
        for _ in range(2):
            done(site.admin, "POST", f"{kind}/set-tag", name=name, key="a b/ü.x", value=long, **of)
        noun = "registered_model" if kind == "registered-models" else "model_version"
        got = done(site.admin, "GET", f"{kind}/get", name=name, **of)[noun]
        assert got["tags"] == [{"key": "a b/ü.x", "value": long}]
        for _ in range(2):
            done(site.admin, "DELETE", f"{kind}/delete-tag", name=name, key="a b/ü.x", **of)
        assert "tags" not in done(site.admin, "GET", f"{kind}/get", name=name, **of)[noun]
        for bad in ({"key": "x" * 251, "value": ""}, {"key": "a$", "value": ""},
                    {"key": "a", "value": long + "x"}, {"key": "../a", "value": ""},
                    {"key": "modelry.title", "value": "x"}):  # fmt: skip
            status, code, _ = refused(site.admin, "POST", f"{kind}/set-tag", name=name, **bad, **of)
            assert (status, code) == (400, "INVALID_PARAMETER_VALUE")


def test_a_description_comes_and_goes(site: Site, name: str) -> None:
    done(site.admin, "PATCH", "registered-models/update", name=name, description="d")
    done(site.admin, "PATCH", "model-versions/update", name=name, version="1", description="v")
    got = done(site.admin, "GET", "registered-models/get", name=name)["registered_model"]
    assert got["description"] == "d"
    done(site.admin, "PATCH", "registered-models/update", name=name)
    got = done(site.admin, "GET", "registered-models/get", name=name)["registered_model"]
    assert "description" not in got
    version = done(site.admin, "PATCH", "model-versions/update", name=name, version="1")
    assert version["model_version"]["description"] == ""


def test_a_deleted_version_and_name_never_come_back(site: Site, name: str) -> None:
    done(site.admin, "POST", "registered-models/alias", name=name, alias="a", version="3")
    move(site, name, 1, "Production")
    done(site.admin, "DELETE", "model-versions/delete", name=name, version="3")
    assert "aliases" not in done(site.admin, "GET", "registered-models/get", name=name)[
        "registered_model"]  # fmt: skip
    again = done(site.admin, "POST", "model-versions/create", name=name, source="s3://b/c")
    assert again["model_version"]["version"] == "4"
    status, code, _ = refused(site.admin, "DELETE", "model-versions/delete", name=name, version="1")
    assert (status, code) == (409, "RESOURCE_CONFLICT")
    assert refused(site.admin, "DELETE", "registered-models/delete", name=name)[:2] == (
        409, "RESOURCE_CONFLICT")  # fmt: skip
    move(site, name, 1, "Archived")
    done(site.admin, "DELETE", "registered-models/delete", name=name)
    assert refused(site.admin, "GET", "registered-models/get", name=name)[0] == 404
    status, code, text = refused(site.admin, "POST", "registered-models/create", name=name)
    assert (status, code) == (400, "RESOURCE_ALREADY_EXISTS")
    assert "not given out again" in text


def test_a_model_is_renamed_with_everything(site: Site, name: str) -> None:
    move(site, name, 2, "Production")
    done(site.admin, "POST", "registered-models/alias", name=name, alias="champion", version="1")
    new = f"Größe {name}"
    made = done(site.admin, "POST", "registered-models/rename", name=name, new_name=new)
    assert made["registered_model"]["name"] == new
    assert stages(site, new) == {"1": "None", "2": "Production", "3": "None"}
    assert refused(site.admin, "GET", "registered-models/get", name=name)[0] == 404
    got = done(site.admin, "GET", "registered-models/alias", name=new, alias="champion")
    assert got["model_version"]["version"] == "1"
    other = f"{name}-other"
    done(site.admin, "POST", "registered-models/create", name=other)
    for taken in (new, name):
        status, code, _ = refused(site.admin, "POST", "registered-models/rename", name=other,
                                  new_name=taken)  # fmt: skip
        assert (status, code) == (400, "RESOURCE_ALREADY_EXISTS")
    assert Registry(site.world).audit().problems == ()


@pytest.mark.parametrize(
    "called", ["two words", "模型", "summary", "-dash", "a@b", "a%2e", "x" * 200, "CON", "é"]
)
def test_every_name_that_mlflow_takes_is_taken(site: Site, called: str) -> None:
    done(site.admin, "POST", "registered-models/create", name=called)
    done(site.admin, "POST", "model-versions/create", name=called, source="s3://b/c")
    got = done(site.admin, "GET", "registered-models/get", name=called)["registered_model"]
    assert (got["name"], got["latest_versions"][0]["name"], "tags" in got) == (
        called,
        called,
        False,
    )
    found = done(site.admin, "GET", "registered-models/search", filter=f"name = '{called}'")
    assert [each["name"] for each in found["registered_models"]] == [called]


def test_prompts_are_kept_apart(site: Site) -> None:
    is_prompt = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    done(site.admin, "POST", "registered-models/create", name="greet", tags=is_prompt)
    text = [*is_prompt, {"key": "mlflow.prompt.text", "value": "Hi {{name}}\n"}]
    done(
        site.admin, "POST", "model-versions/create", name="greet", source="dummy-source", tags=text
    )
    status, _, _ = refused(site.admin, "POST", "model-versions/create", name="greet",
                           source="s3://b/c", tags=text)  # fmt: skip
    assert status == 400
    assert refused(site.admin, "POST", "registered-models/create", name="greet", tags=is_prompt) == (
        400, "RESOURCE_ALREADY_EXISTS", "Prompt (name=greet) already exists.")  # fmt: skip
    assert "already taken by a prompt" in refused(
        site.admin, "POST", "registered-models/create", name="greet")[2]  # fmt: skip
    names = {each["name"] for each in done(
        site.admin, "GET", "registered-models/search")["registered_models"]}  # fmt: skip
    asked = "tags.`mlflow.prompt.is_prompt` = 'true'"
    found = done(site.admin, "GET", "registered-models/search", filter=asked)
    assert [each["name"] for each in found["registered_models"]] == ["greet"]
    assert "greet" not in names


def test_a_hot_answer_is_never_stale(site: Site, name: str) -> None:
    for number in (1, 2, 3, 1, 2, 3):
        move(site, name, number, "Production")
        done(site.admin, "POST", "registered-models/alias", name=name, alias="c",
             version=str(number))  # fmt: skip
        for _ in range(2):
            got = done(site.admin, "GET", "registered-models/alias", name=name, alias="c")
            assert got["model_version"]["version"] == str(number)
            assert got["model_version"]["current_stage"] == "Production"
            model = done(site.admin, "GET", "registered-models/get", name=name)["registered_model"]
            assert model["aliases"] == [{"alias": "c", "version": str(number)}]
            latest = done(site.admin, "POST", "registered-models/get-latest-versions", name=name,
                          stages=["Production"])  # fmt: skip
            assert latest["model_versions"][0]["version"] == max(
                version for version, stage in stages(site, name).items() if stage == "Production"
            )


def test_what_is_remembered_for_one_caller_or_project_is_not_for_another(
    site: Site, name: str
) -> None:
    path = f"{API}/registered-models/get?name={name}"
    reader = site.account(default="reader")
    stranger = site.account()
    for _ in range(2):
        assert site.admin.get(path).status_code == 200
        assert reader.get(path).status_code == 200
        assert stranger.get(path).status_code == 404
        assert site.nobody.get(path).status_code == 401
        elsewhere = site.admin.get(path, headers={"X-MLFLOW-WORKSPACE": "nowhere"})
        assert elsewhere.status_code == 404
        latest = f"{API}/registered-models/get-latest-versions"
        assert site.admin.post(latest, {"name": name}).status_code == 200
        assert stranger.post(latest, {"name": name}).status_code == 404
        assert site.nobody.post(latest, {"name": name}).status_code == 401
        assert site.admin("POST", latest, content=b"{").status_code == 400


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a source that leads elsewhere": ({"source": "s3://b/../c"}, "Invalid model version source"),
    "a version that is not here": ({"source": "models:/none/1"}, "Unable to fetch model"),
    "no source": ({}, "Missing value for required parameter 'source'"),
    "a tag of ours": (
        {"source": "s3://b/1", "tags": [{"key": "modelry.x", "value": "1"}]},
        "are kept by the registry",
    ),
    "a path of this machine": ({"source": "/etc/passwd"}, "a local path as a model version"),
    "a description that is none": ({"source": "s3://b/1", "description": 7}, "description"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_s2_15_a_version_that_is_refused_is_in_the_log_once(
    site: Site, name: str, what: str
) -> None:
    asked, reason = REFUSED[what]
    bob = site.account(default="publisher")
    status, _, message = refused(bob, "POST", "model-versions/create", name=name, **asked)
    assert (status, reason in message) == (400, True)
    (event,) = denied_to(site, bob)
    assert (event["chain"], event["body"]["asked"]) == ("default", "register")
    assert (event["body"]["what"], event["body"]["reason"]) == (f"default/{name}", message)


def test_s2_15_a_version_of_a_model_that_is_absent_is_in_the_log_once(site: Site) -> None:
    bob = site.account(default="publisher")
    status, code, _ = refused(bob, "POST", "model-versions/create", name="absent model",
                              source="s3://b/1")  # fmt: skip
    assert (status, code) == (404, "RESOURCE_DOES_NOT_EXIST")
    (event,) = denied_to(site, bob)
    assert "there is no model" in event["body"]["reason"]
    assert bob("POST", f"{API}/model-versions/create", content=b"{").status_code == 400
    assert [each["body"]["what"] for each in denied_to(site, bob)][:1] == ["default/"]


def denied_to(site: Site, caller: Caller) -> list[dict[str, Any]]:
    actor = caller.get("/registry/me").json()["account"]
    where = {"kind": "change.denied", "actor": actor}
    found: list[dict[str, Any]] = site.admin.get("/registry/audit", params=where).json()["items"]
    return found
