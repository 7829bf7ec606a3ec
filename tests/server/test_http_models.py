"""Registered models through HTTP: `/registry/models` and what lies right under it."""

import uuid

import pytest
from server_site import Site

PLACES = ["credit-risk", "default/credit-risk", "default%2Fcredit-risk", "DEFAULT/Credit-Risk"]


def test_a_new_model_is_answered_whole(site: Site) -> None:
    answer = site.admin.post(
        "/registry/models",
        {"name": "credit-risk", "description": "What we lend", "tags": {"team": "risk"}},
    )

    assert answer.status_code == 201
    model = answer.json()
    assert uuid.UUID(model["id"])
    assert model["name"] == "credit-risk"
    assert model["project"] == model["project_id"] == "default"
    assert model["created_by"] == model["author"] == "admin"
    assert model["description"] == "What we lend"
    assert model["tags"] == {"team": "risk"}
    assert model["created_at"] == model["updated_at"]
    assert answer.headers["etag"].startswith('"')


@pytest.mark.parametrize(
    "body",
    [
        {"name": "vision/cats"},
        {"name": "cats", "project": "vision"},
        {"name": "cats", "project_id": "vision"},
    ],
)
def test_a_model_is_made_in_a_project_that_is_named_in_any_of_three_ways(
    site: Site, body: dict[str, str]
) -> None:
    site.admin.made("/registry/projects", {"name": "vision"})

    assert site.admin.made("/registry/models", body)["full_name"] == "vision/cats"


def test_two_projects_that_contradict_one_another_are_refused(site: Site) -> None:
    site.admin.made("/registry/projects", {"name": "vision"})

    for body in (
        {"name": "vision/cats", "project": "default"},
        {"name": "cats", "project": "vision", "project_id": "default"},
    ):
        answer = site.admin.post("/registry/models", body)
        assert answer.status_code == 422, answer.text
    assert site.admin.get("/registry/models").json()["total"] == 0


def test_a_list_of_tags_becomes_keys_without_values(site: Site) -> None:
    made = site.admin.made("/registry/models", {"name": "m", "tags": ["fast", "small"]})

    assert made["tags"] == {"fast": "", "small": ""}


def test_a_model_that_is_there_is_a_conflict_in_any_letter_case(site: Site) -> None:
    site.admin.made("/registry/models", {"name": "credit-risk"})

    answer = site.admin.post("/registry/models", {"name": "Credit-Risk"})

    assert answer.status_code == 409
    assert answer.json()["code"] == "conflict"


@pytest.mark.parametrize("place", PLACES)
def test_a_model_is_found_by_its_name_with_and_without_its_project(site: Site, place: str) -> None:
    made = site.admin.made("/registry/models", {"name": "credit-risk"})

    assert site.admin.get(f"/registry/models/{place}").json()["id"] == made["id"]


def test_a_model_is_found_by_its_id_and_keeps_it(site: Site) -> None:
    made = site.admin.made("/registry/models", {"name": "credit-risk"})

    assert site.admin.get(f"/registry/models/{made['id']}").json()["name"] == "credit-risk"
    site.admin.version("credit-risk", b"weights")
    assert site.admin.get("/registry/models/credit-risk").json()["id"] == made["id"]


@pytest.mark.parametrize("word", ["summary", "stages", "versions", "Summary"])
def test_a_reserved_word_names_no_model(site: Site, word: str) -> None:
    answer = site.admin.post("/registry/models", {"name": word})

    assert answer.status_code == 422
    assert "reserved" in answer.json()["detail"]


def test_a_model_shows_its_latest_hundred_versions_and_where_the_rest_are(site: Site) -> None:
    for _ in range(103):
        site.admin.version("many")

    shown = site.admin.get("/registry/models/many").json()

    listed = shown["version_list"]
    assert [each["number"] for each in listed["items"]] == list(range(103, 3, -1))
    rest = site.admin.get(f"/registry/models/many/versions?cursor={listed['next']}").json()
    assert [each["number"] for each in rest["items"]] == [3, 2, 1]
    assert rest["next"] is None
    assert shown["versions"] == 103


def test_the_description_and_the_tags_of_a_model_change(site: Site) -> None:
    site.admin.made("/registry/models", {"name": "m", "tags": {"a": "1", "b": "2"}})

    change = {"description": "new", "set_tags": {"c": "3"}, "remove_tags": ["a"]}
    answer = site.admin.patch("/registry/models/m", change)
    replaced = site.admin.patch("/registry/models/m", {"tags": {"only": "this"}})

    assert answer.status_code == 200
    assert answer.json()["description"] == "new"
    assert answer.json()["tags"] == {"b": "2", "c": "3"}
    assert replaced.json()["tags"] == {"only": "this"}
    assert replaced.json()["updated_at"] > replaced.json()["created_at"]


def test_a_deleted_model_is_gone_and_its_name_never_comes_back(site: Site) -> None:
    made = site.admin.made("/registry/models", {"name": "m"})

    assert site.admin.delete("/registry/models/m?comment=over").status_code == 204
    for place in ("m", made["id"]):
        assert site.admin.get(f"/registry/models/{place}").status_code == 404
    assert site.admin.post("/registry/models", {"name": "m"}).status_code == 409
    assert site.admin.get("/registry/models").json()["total"] == 0


def test_a_model_with_a_live_version_is_not_deleted(site: Site) -> None:
    version = site.admin.version("m")
    site.admin.made(
        f"/registry/models/versions/{version['id']}/transition", {"stage": "production"}, 200
    )

    assert site.admin.delete("/registry/models/m").status_code == 409
    assert site.admin.get("/registry/models/m").status_code == 200


def test_models_are_listed_in_pages_with_their_total(site: Site) -> None:
    for name in ("delta", "alpha", "echo", "charlie", "bravo"):
        site.admin.made("/registry/models", {"name": name})

    page = site.admin.get("/registry/models?skip=1&limit=2").json()

    assert [each["name"] for each in page["items"]] == ["bravo", "charlie"]
    assert (page["total"], page["skip"], page["limit"]) == (5, 1, 2)
    following = site.admin.get(f"/registry/models?limit=2&cursor={page['next']}").json()
    assert [each["name"] for each in following["items"]] == ["delta", "echo"]
    assert following["total"] is None
    assert following["next"] is None
    assert site.admin.get("/registry/models?skip=5").json()["items"] == []


def test_models_are_found_by_a_part_of_their_name_in_any_letter_case(site: Site) -> None:
    for name in ("credit-risk", "Credit-Score", "cats"):
        site.admin.made("/registry/models", {"name": name})

    page = site.admin.get("/registry/models?search=CREDIT").json()

    assert [each["name"] for each in page["items"]] == ["credit-risk", "Credit-Score"]
    assert page["total"] == 2


def test_models_are_listed_for_one_project(site: Site) -> None:
    site.admin.made("/registry/projects", {"name": "vision"})
    site.admin.made("/registry/models", {"name": "vision/cats"})
    site.admin.made("/registry/models", {"name": "dogs"})

    for field in ("project", "project_id"):
        page = site.admin.get(f"/registry/models?{field}=vision").json()
        assert [each["full_name"] for each in page["items"]] == ["vision/cats"]
    assert site.admin.get("/registry/models?project=absent").status_code == 404


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "skip=-1", "skip=1000001", "limit=x"])
def test_a_page_beyond_the_caps_is_refused(site: Site, query: str) -> None:
    answer = site.admin.get(f"/registry/models?{query}")

    assert answer.status_code == 422
    assert query.partition("=")[0] in answer.json()["detail"]


def test_the_summary_counts_models_and_versions_by_stage(site: Site) -> None:
    site.admin.made("/registry/models", {"name": "empty"})
    for _ in range(3):
        version = site.admin.version("m")
    site.admin.made(
        f"/registry/models/versions/{version['id']}/transition", {"stage": "Staging"}, 200
    )

    summary = site.admin.get("/registry/models/summary?project=default").json()

    assert summary["total_models"] == 2
    assert summary["total_versions"] == 3
    assert summary["stages"]["none"] == 2
    assert summary["stages"]["staging"] == 1
