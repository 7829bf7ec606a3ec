"""The three use cases that the native API is made for, as their requests go."""

from server_site import Caller, Site

Documents = dict[str, object]


def two_versions(caller: Caller) -> tuple[str, str, str]:
    model = caller.made(
        "/registry/models",
        {
            "name": "credit-risk-model",
            "project_id": "default",
            "description": "Credit risk prediction model",
        },
    )
    place = f"/registry/models/{model['id']}/versions"
    first = caller.made(
        place,
        {
            "version": "v1.0.0",
            "run_id": "run-1",
            "artifact_version_id": "artefact-1",
            "metrics": {"accuracy": 0.92, "auc": 0.88},
        },
    )
    second = caller.made(
        place,
        {"version": "v2.0.0", "run_id": "run-2", "metrics": {"accuracy": 0.94, "auc": 0.91}},
    )
    return model["id"], first["id"], second["id"]


def move(caller: Caller, version: str, stage: str, comment: str) -> Documents:
    path = f"/registry/models/versions/{version}/transition"
    answer: Documents = caller.made(path, {"stage": stage, "comment": comment}, status=200)
    return answer


def test_a_model_is_made_once_and_gets_versions_that_know_their_run(site: Site) -> None:
    model, first, second = two_versions(site.admin)

    one = site.admin.get(f"/registry/models/versions/{first}").json()
    assert one["version"] == "v1.0.0"
    assert one["number"] == 1
    assert one["model_id"] == model
    assert one["stage"] == "none"
    assert one["run_id"] == "run-1"
    assert one["artifact_version_id"] == "artefact-1"
    assert one["metrics"] == {"accuracy": 0.92, "auc": 0.88}
    assert one["approved_by"] is None
    shown = site.admin.get(f"/registry/models/{model}").json()
    assert shown["description"] == "Credit risk prediction model"
    assert [each["id"] for each in shown["version_list"]["items"]] == [second, first]


def test_a_version_goes_to_staging_and_to_production_and_the_old_one_to_the_archive(
    site: Site,
) -> None:
    model, first, second = two_versions(site.admin)
    move(site.admin, first, "production", "The first")

    staged = move(site.admin, second, "staging", "Testing improved model")
    live = move(site.admin, second, "production", "Replacing v1 with higher accuracy")
    old = move(site.admin, first, "archived", "Replaced by v2")

    assert staged["stage"] == "staging"
    assert live["stage"] == "production"
    assert live["approved_by"] == "admin"
    assert live["approved_at"] is not None
    assert old["stage"] == "archived"
    latest = site.admin.get(f"/registry/models/stages/production/latest?model_id={model}")
    assert latest.json()["id"] == second
    summary = site.admin.get("/registry/models/summary").json()
    assert summary["total_models"] == 1
    assert summary["total_versions"] == 2
    assert summary["stages"]["production"] == 1
    assert summary["stages"]["archived"] == 1


def test_the_transitions_of_a_version_are_told_newest_first(site: Site) -> None:
    _, _, second = two_versions(site.admin)
    move(site.admin, second, "staging", "Initial deployment")
    move(site.admin, second, "production", "Passed all tests")

    items = site.admin.get(f"/registry/models/versions/{second}/transitions").json()["items"]

    told = [(each["from_stage"], each["to_stage"], each["comment"]) for each in items]
    assert told == [
        ("staging", "production", "Passed all tests"),
        ("none", "staging", "Initial deployment"),
    ]
    assert {each["transitioned_by"] for each in items} == {"admin"}
    assert items[0]["transitioned_at"] > items[1]["transitioned_at"]
