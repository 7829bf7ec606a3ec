"""S3.13 to S3.15 and S3.19: the life of a model through the HTTP calls of the design, over any store."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from server_site import Answer, Caller, Site, site_on

from modelry.core.ports import Store
from modelry.stores.jsonfile import JsonStore
from modelry.stores.memory import MemoryStore
from modelry.stores.sql import SqliteStore

MODELS = "/api/v1/registry/models"
NAME = "yolov8n-coco"
SAID = {"description": "Fine-tuned on custom dataset.", "metrics": {"accuracy": 0.85}}


@pytest.fixture(params=["json", "memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    makers: dict[str, Callable[[], Store]] = {
        "json": lambda: JsonStore(tmp_path / "models" / "registry.json"),
        "memory": MemoryStore,
        "sqlite": lambda: SqliteStore(tmp_path / "registry.db"),
    }
    return makers[request.param]()


def put(models: Path, version: int, text: str = "weights") -> str:
    """Put a model on the volume, and answer its path as the design writes it."""
    folder = models / NAME / f"v{version}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_text(f"{text} {version}")
    return f"models/{NAME}/v{version}/model.onnx"


def entry(version: Any, path: str, name: str = NAME, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - of JSON
    return {"model_name": name, "version": version, "path": path, **more}


def listed(caller: Caller, name: str | None = None) -> list[dict[str, Any]]:
    answer = caller.get(MODELS if name is None else f"{MODELS}?model_name={name}")
    assert answer.status_code == 200
    assert list(answer.json()) == ["models"]
    found: list[dict[str, Any]] = answer.json()["models"]
    return found


def activate(caller: Caller, version: object, name: str = NAME) -> Answer:
    return caller("PUT", f"{MODELS}/{name}/{version}/activate")


def refusal(answer: Answer) -> str:
    assert list(answer.json()) == ["detail"]
    return str(answer.json()["detail"])


def test_full_lifecycle_through_api_calls(store: Store, tmp_path: Path, models: Path) -> None:
    with site_on(tmp_path / "home", store, source_folders=[models]) as site:
        admin = site.admin
        made = []
        for version in (1, 2):
            answer = admin.post(MODELS, entry(version, put(models, version), metadata=SAID))
            assert answer.status_code == 201
            made.append(answer.json())
        assert made[1] == {
            **entry(2, f"models/{NAME}/v2/model.onnx", metadata=SAID),
            "status": "none", "creation_timestamp": made[1]["creation_timestamp"],
        }  # fmt: skip
        assert listed(admin) == listed(admin, NAME) == made
        assert listed(admin, "nothing") == []
        for version in (1, 2):
            answer = activate(admin, version)
            assert (answer.status_code, answer.json()["status"]) == (200, "production")
        assert [each["status"] for each in listed(admin)] == ["staging", "production"]
        for name, version in ((NAME, 3), ("nothing", 1)):
            answer = activate(admin, version, name)
            assert answer.status_code == 404
            assert "there is no model" in refusal(answer) or "has no version 3" in refusal(answer)
        assert [each["status"] for each in listed(admin)] == ["staging", "production"]
        found = admin.get(f"/registry/resolve?ref={NAME}@production").json()
        assert (found["number"], [each["path"] for each in found["files"]]) == (2, ["model.onnx"])
        assert admin.get("/registry/audit?limit=9").status_code == 200


def test_only_the_old_production_version_goes_to_staging(site: Site, models: Path) -> None:
    for version in (1, 2, 3):
        site.admin.made(MODELS, entry(version, put(models, version), "three"))
    site.admin.made("/registry/promotions", {"ref": "three:1", "stage": "archived"}, status=200)
    for version in (2, 3):
        assert activate(site.admin, version, "three").is_success
    assert [each["status"] for each in listed(site.admin, "three")] == [
        "archived", "staging", "production",
    ]  # fmt: skip


def test_a_duplicate_is_a_conflict_whatever_its_bytes(site: Site, models: Path) -> None:
    site.admin.made(MODELS, entry(1, put(models, 1), "twice"))
    for path in (put(models, 1), put(models, 2), "s3://bucket/x"):
        answer = site.admin.post(MODELS, entry(1, path, "twice"))
        assert answer.status_code == 409
        assert "twice" in refusal(answer)
    assert len(listed(site.admin, "twice")) == 1


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"model_name": "m", "version": 1}, 422, "'path' is missing"),
        (entry(1, "p", "m", status="production"), 422, "'status' means nothing here"),
        (entry("1", "p", "m"), 422, "whole number"),
        ({**entry(1, "p", "m"), "version": True}, 422, "whole number"),
        (entry(0, "s3://b/x", "m"), 422, "not a version number"),
        (entry(1, "", "m"), 422, "path is empty"),
        ({**entry(1, "p", "m"), "path": 5}, 422, "path must be text"),
        (entry(1, "s3://b/x", "m/../n"), 422, "name"),
        (entry(1, "s3://b/x", "m", metadata=[]), 422, "metadata is a map"),
        (entry(1, "s3://b/x", "m", metadata={"metrics": {"a": "b"}}), 422, "a metric is a number"),
        (entry(1, "http://169.254.169.254/x", "m"), 422, "a scheme that this server allows (s3)"),
        (entry(1, "file:///etc/passwd", "m"), 422, "a scheme that this server allows (s3)"),
        (entry(1, "s3://b/../x", "m"), 422, "a source holds no"),
        ([], 422, "the body is an object"),
    ],
)
def test_what_breaks_a_rule_is_named_and_nothing_is_kept(
    site: Site,
    body: Any,  # noqa: ANN401 - of JSON
    status: int,
    words: str,
) -> None:
    answer = site.admin.post(MODELS, body)
    assert answer.status_code == status
    assert words in refusal(answer)
    assert listed(site.admin, "m") == []


def test_bodies_that_mean_two_things_are_not_read(site: Site) -> None:
    for text in ('{"version": NaN}', '{"version": 1, "version": 2}', "{"):
        answer = site.admin.post(MODELS, content=text.encode())
        assert (answer.status_code, "the body" in refusal(answer)) == (400, True)
    for query in ("?limit=5", "?model_name=a&model_name=b"):
        answer = site.admin.get(f"{MODELS}{query}")
        assert (answer.status_code, "means nothing here" in refusal(answer)) == (422, True)
    assert activate(site.admin, "newest").status_code == 422
    assert site.admin.delete(MODELS).status_code == 405
    assert site.admin.get(f"{MODELS}/a/1").status_code == 404
    assert site.nobody.get(f"{MODELS}/a/1").status_code == 401


def test_rows_1_to_3_nothing_of_the_servers_disk_leaks(
    site: Site, models: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_text("sesame")
    nest = models / "nest"
    nest.mkdir()
    (nest / "link.bin").symlink_to(secret)
    for own in ("registry.json", "registry.history.jsonl", "registry.json.lock"):
        (models / own).write_text('{"models": []}')
    (models / "blobs").mkdir()
    (models / "blobs" / "somebody.bin").write_text("else's")
    words = set[str]()
    for path in (
        str(secret), "/etc/passwd", "/etc/not-there", "../secret.bin", "models/../../secret.bin",
        "..%2fsecret.bin", "nest/link.bin", "absent.bin", "models", ".", "registry.json",
        "models/registry.history.jsonl", "models/blobs", "blobs/somebody.bin", "blobs/../registry.json",
        "..\\secret.bin",
    ):  # fmt: skip
        answer = site.admin.post(MODELS, entry(1, path, "leak"))
        assert answer.status_code == 404, path
        words.add(refusal(answer).replace(repr(path), "PATH"))
    assert words == {"PATH is in no folder that this server takes models from"}
    assert site.admin.post(MODELS, entry(1, "models/nest", "leak")).status_code == 422
    assert listed(site.admin, "leak") == []


def test_a_path_is_told_as_it_was_given_and_no_other(site: Site, models: Path) -> None:
    for version, path in enumerate((put(models, 1), f"{NAME}/v1/model.onnx", f"{NAME}/v1"), 1):
        assert site.admin.made(MODELS, entry(version, path, "told"))["path"] == path
    address = site.admin.made(MODELS, entry(4, "s3://bucket/told", "told"))
    assert address["path"] == "s3://bucket/told"
    shown = site.admin.get("/registry/models/told/versions").text
    assert str(models) not in shown
    assert site.admin.get("/registry/resolve?ref=told:4").json()["files"] == []


def test_roles_are_asked_at_every_route(site: Site, models: Path) -> None:
    path = put(models, 1)
    body = entry(1, path, "team/roles")
    site.admin.made("/registry/projects", {"name": "team"})
    people = {role: site.account(team=role) for role in ("reader", "publisher", "approver")}
    stranger = site.account(default="reader")
    assert people["reader"].post(MODELS, body).status_code == 403
    assert stranger.post(MODELS, body).status_code == 404
    assert people["publisher"].post(MODELS, body).status_code == 201
    assert activate(people["publisher"], 1, "team/roles").status_code == 403
    assert activate(stranger, 1, "team/roles").status_code == 404
    assert activate(people["approver"], 1, "team/roles").status_code == 200
    (mine,) = listed(people["reader"], "team/roles")
    assert (mine["model_name"], mine["status"]) == ("team/roles", "production")
    assert mine in listed(people["reader"])
    assert mine not in listed(stranger)
    for method, where in (("GET", MODELS), ("POST", MODELS), ("PUT", f"{MODELS}/a/1/activate")):
        for caller in (site.nobody, site.holder("modelry_x")):
            answer = caller(method, where)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_list_of_a_foreign_project_is_told_as_one_that_is_absent(site: Site) -> None:
    stranger = site.account(default="reader")
    site.admin.made("/registry/projects", {"name": "hidden"})
    site.admin.made(MODELS, entry(1, "s3://b/x", "hidden/m"))
    answers = [stranger.get(f"{MODELS}?model_name={name}/m") for name in ("hidden", "nowhere")]
    assert [each.status_code for each in answers] == [200, 200]
    assert [each.json() for each in answers] == [{"models": []}] * 2


def test_a_request_that_comes_twice_with_its_key_has_one_effect(site: Site, models: Path) -> None:
    body, headers = entry(1, put(models, 1), "keyed"), {"Idempotency-Key": "k"}
    answers = [site.admin.post(MODELS, body, headers=headers) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


def test_the_file_shows_what_the_calls_did(
    tmp_path: Path, models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "models" / "registry.json"
    with site_on(tmp_path / "home", JsonStore(path), source_folders=[models]) as site:
        made = site.admin.made(MODELS, entry(1, put(models, 1), metadata=SAID))
        activate(site.admin, 1)
        (kept,) = json.loads(path.read_bytes())["models"]
        assert kept["status"] == "production"
        assert kept["metadata"].pop("modelry")["digest"].startswith("sha256:")
        assert {**kept, "status": "none"} == made
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('"production"', '"archived"'), encoding="utf-8")
        assert listed(site.admin)[0]["status"] == "archived"
        path.write_text(text.replace('"path": "', '"path": "secret/'), encoding="utf-8")
        with caplog.at_level(logging.ERROR):
            broken = site.nobody.get(MODELS)
        assert broken.status_code == 500
        assert refusal(broken).startswith("registry.json, line 3 column 5, is not as it must be")
        assert "secret" not in broken.text
        assert str(tmp_path) not in broken.text
        assert "path cannot be edited; put back 'models/" in caplog.text
        path.write_text(text, encoding="utf-8")
        assert listed(site.admin)[0]["status"] == "production"


def test_s2_15_an_entry_that_is_refused_is_in_the_log_once(site: Site, models: Path) -> None:
    path, bob = put(models, 1), site.account("bob", default="publisher")
    assert bob.post(MODELS, entry(1, path)).status_code == 201
    bad = [(entry(1, path), 409), (entry("x", path), 422), ({"model_name": NAME}, 422),
           (entry(2, "/etc/passwd"), 404), ([], 422)]  # fmt: skip
    for body, status in bad:
        assert bob.post(MODELS, body).status_code == status
    assert bob("POST", MODELS, content=b"{").status_code == 400
    where = "/registry/audit?kind=change.denied&actor=bob"
    found = site.admin.get(where).json()["items"][::-1]
    assert [each["body"].get("what") for each in found] == [NAME] * 4 + [None] * 2
    assert [each["body"].get("version") for each in found][:2] == ["1", "x"]
    assert {each["body"]["asked"] for each in found} == {"register"}
