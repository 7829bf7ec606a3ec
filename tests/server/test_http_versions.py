"""Versions and their stages through HTTP."""

from typing import Any

import pytest
from server_site import Answer, Site


def transition(site: Site, version: str, stage: str, **more: object) -> Answer:
    path = f"/registry/models/versions/{version}/transition"
    return site.admin.post(path, {"stage": stage, **more})


def test_a_version_with_an_uploaded_file_is_sealed_and_comes_back_byte_for_byte(
    site: Site,
) -> None:
    data = bytes(range(256)) * 10

    version = site.admin.version("m", data, version="1.0.0", kind="file")

    assert version["files"][0]["path"] == "model.bin"
    assert version["size"] == 2560
    assert version["number"] == 1
    got = site.admin.get(f"/registry/models/versions/{version['id']}/files/model.bin")
    assert got.status_code == 200
    assert got.content == data
    assert got.headers["etag"] == f'"{version["files"][0]["sha256"]}"'


def test_a_version_without_a_label_is_called_by_its_number(site: Site) -> None:
    site.admin.version("m")

    assert site.admin.version("m")["version"] == "2"


@pytest.mark.parametrize("label", ["7", 7])
def test_a_label_that_is_a_whole_number_sets_the_number(site: Site, label: object) -> None:
    assert site.admin.version("m", version=label)["number"] == 7
    taken = site.admin.post("/registry/models/m/versions", {"version": "3"})
    assert taken.status_code == 409
    assert site.admin.version("m")["number"] == 8


@pytest.mark.parametrize("asked", ["1", "v1", "1.0.0", "v1.0.0", "V1.0.0"])
def test_a_version_is_found_by_number_or_label_with_and_without_a_v(site: Site, asked: str) -> None:
    made = site.admin.version("m", version="v1.0.0")

    for place in ("m", "default/m", "default%2Fm", made["model_id"]):
        found = site.admin.get(f"/registry/models/{place}/versions/{asked}")
        assert found.json()["id"] == made["id"], place


def test_the_same_label_twice_is_a_conflict(site: Site) -> None:
    site.admin.version("m", b"one", version="1.0.0")

    for label in ("1.0.0", "v1.0.0"):
        answer = site.admin.post("/registry/models/m/versions", {"version": label})
        assert answer.status_code == 409


def test_the_same_bytes_again_answer_the_version_that_is_there_and_say_what_is_not_kept(
    site: Site,
) -> None:
    first = site.admin.version("m", b"one", version="1.0.0", metrics={"auc": 0.9})

    files = [{"path": "model.bin", **site.admin.upload(b"one")}]
    answer = site.admin.post(
        "/registry/models/m/versions",
        {"version": "1.0.0", "files": files, "again": True, "metrics": {"auc": 0.5}},
    )

    assert answer.status_code == 200
    assert answer.json()["id"] == first["id"]
    assert answer.json()["metrics"] == {"auc": 0.9}
    assert "metrics" in answer.json()["notes"][0]


def test_other_bytes_again_are_a_conflict(site: Site) -> None:
    site.admin.version("m", b"one", version="1.0.0")

    files = [{"path": "model.bin", **site.admin.upload(b"two")}]
    answer = site.admin.post(
        "/registry/models/m/versions", {"version": "1.0.0", "files": files, "again": True}
    )

    assert answer.status_code == 409


def test_params_and_metadata_are_one_thing(site: Site) -> None:
    made = site.admin.version("m", metadata={"depth": 3})

    assert made["params"] == made["metadata"] == {"depth": 3}
    both = site.admin.post("/registry/models/m/versions", {"params": {}, "metadata": {}})
    assert both.status_code == 422


def test_everything_that_a_version_was_registered_with_is_shown(site: Site) -> None:
    given: dict[str, Any] = {
        "description": "d",
        "metrics": {"auc": 0.5, "loss": 2},
        "params": {"depth": 3, "layers": [1, 2], "act": "relu"},
        "tags": {"t": "x"},
        "datasets": [{"name": "train", "digest": "sha256:1", "uri": "s3://b/t"}, "plain"],
        "run_id": "run-7",
        "commit": {"sha": "a" * 40, "branch": "main", "remote": None, "dirty": True},
        "environment": {"python": "3.11.7", "platform": "Linux", "packages": {"numpy": "2.0"}},
    }
    site.admin.version("m")

    made = site.admin.version("m", base="m:1", **given)

    for field in ("description", "metrics", "params", "tags", "run_id", "commit"):
        assert made[field] == given[field]
    assert made["datasets"][0] == {"name": "train", "digest": "sha256:1", "uri": "s3://b/t"}
    assert made["datasets"][1]["name"] == "plain"
    assert made["base"] == "m:1"
    environment = site.admin.get("/registry/environment?ref=m:2").json()
    assert environment == given["environment"]


def test_versions_are_listed_newest_first_by_stage_in_pages(site: Site) -> None:
    ids = [site.admin.version("m")["id"] for _ in range(5)]
    for each in ids[:3]:
        transition(site, each, "staging")

    page = site.admin.get("/registry/models/m/versions?stage=none&limit=1").json()

    assert [each["number"] for each in page["items"]] == [5]
    assert (page["total"], page["skip"], page["limit"]) == (2, 0, 1)
    following = f"/registry/models/m/versions?stage=none&limit=1&cursor={page['next']}"
    assert [each["number"] for each in site.admin.get(following).json()["items"]] == [4]
    skipped = site.admin.get("/registry/models/m/versions?skip=3").json()
    assert [each["number"] for each in skipped["items"]] == [2, 1]
    assert skipped["total"] == 5
    assert site.admin.get("/registry/models/m/versions?stage=nosuch").status_code in {404, 422}


def test_the_latest_of_a_stage_is_the_version_that_it_names(site: Site) -> None:
    made = site.admin.version("m")
    none = site.admin.get("/registry/models/stages/production/latest?model_id=m")
    transition(site, made["id"], "production")

    assert none.status_code == 404
    for place in ("m", "default/m", made["model_id"]):
        for stage in ("production", "Production"):
            path = f"/registry/models/stages/{stage}/latest?model_id={place}"
            assert site.admin.get(path).json()["id"] == made["id"]
    assert site.admin.get("/registry/models/stages/production/latest").status_code == 422


def test_one_version_is_in_production_and_the_old_one_goes_where_the_caller_says(
    site: Site,
) -> None:
    first, second, third, fourth = (site.admin.version("m")["id"] for _ in range(4))
    transition(site, first, "production")

    transition(site, second, "production")
    transition(site, third, "production", displace="staging")
    transition(site, fourth, "production", displace="keep")

    stages = [
        site.admin.get(f"/registry/models/versions/{each}").json()["stage"]
        for each in (first, second, third, fourth)
    ]
    assert stages == ["archived", "staging", "production", "production"]
    latest = site.admin.get("/registry/models/stages/production/latest?model_id=m").json()
    assert latest["id"] == fourth


def test_a_transition_that_expects_another_version_there_is_a_conflict(site: Site) -> None:
    first, second = (site.admin.version("m")["id"] for _ in range(2))

    assert transition(site, first, "production", expect="none").status_code == 200
    assert transition(site, second, "production", expect="none").status_code == 409
    assert transition(site, second, "production", expect="1").status_code == 200


def test_only_what_is_said_of_a_version_may_change(site: Site) -> None:
    made = site.admin.version("m", tags={"a": "1"})
    path = f"/registry/models/versions/{made['id']}"

    changed = site.admin.patch(path, {"description": "new", "set_tags": {"b": "2"}})

    assert changed.json()["description"] == "new"
    assert changed.json()["tags"] == {"a": "1", "b": "2"}
    assert changed.json()["updated_at"] > made["updated_at"]
    for sealed in ("metrics", "params", "stage", "files", "author", "number"):
        assert site.admin.patch(path, {sealed: {}}).status_code == 422
    assert site.admin.patch(path, {}).status_code == 422


def test_a_deleted_version_is_gone_and_its_label_stays_taken(site: Site) -> None:
    made = site.admin.version("m", b"bytes", version="1.0.0")
    path = f"/registry/models/versions/{made['id']}"

    assert site.admin.delete(f"{path}?comment=wrong").status_code == 204
    assert site.admin.get(path).status_code == 404
    assert site.admin.get(f"{path}/files/model.bin").status_code == 404
    assert site.admin.get("/registry/models/m/versions/1.0.0").status_code == 404
    again = site.admin.post("/registry/models/m/versions", {"version": "1.0.0"})
    assert again.status_code == 409


def test_a_version_in_production_is_not_deleted(site: Site) -> None:
    made = site.admin.version("m")
    transition(site, made["id"], "production")

    answer = site.admin.delete(f"/registry/models/versions/{made['id']}")

    assert answer.status_code == 409


def test_transitions_are_told_in_pages_newest_first(site: Site) -> None:
    made = site.admin.version("m")
    for stage in ("staging", "none", "staging", "production"):
        transition(site, made["id"], stage, comment=f"to {stage}")
    path = f"/registry/models/versions/{made['id']}/transitions"

    first = site.admin.get(f"{path}?limit=3").json()
    rest = site.admin.get(f"{path}?limit=3&cursor={first['next']}").json()

    told = [each["to_stage"] for each in first["items"] + rest["items"]]
    assert told == ["production", "staging", "none", "staging"]
    assert {"seq", "kind", "transitioned_by", "transitioned_at"} <= first["items"][0].keys()


def test_an_id_that_is_of_nothing_is_not_found(site: Site) -> None:
    for place in ("00000000-0000-0000-0000-000000000000", "no-id", "1"):
        answer = site.admin.get(f"/registry/models/versions/{place}")
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize(
    "told",
    [
        {"commit": {"sha": "a\u202eb"}},
        {"environment": {"python": "3\x1b[2J", "platform": "x"}},
        {"environment": {"python": "3", "platform": "x", "packages": {"a\u2066": "1"}}},
    ],
)
def test_what_a_client_tells_of_its_machine_shows_what_it_says(
    site: Site, told: dict[str, object]
) -> None:
    answer = site.admin.post("/registry/models/m/versions", told)

    assert answer.status_code == 422
    assert site.admin.get("/registry/models").json()["total"] == 0
