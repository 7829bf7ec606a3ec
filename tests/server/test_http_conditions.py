"""Conditional requests: what a caller saw, and whether it is so still."""

import pytest
from server_site import Caller, Site

GONE = '"0123456789abcdef0123456789abcdef"'


def version_places(version: dict[str, str]) -> list[str]:
    return [
        f"/registry/models/versions/{version['id']}",
        "/registry/models/m/versions/1",
        "/registry/models/stages/production/latest?model_id=m",
        "/registry/resolve?ref=m",
    ]


def live(caller: Caller) -> dict[str, str]:
    made: dict[str, str] = caller.version("m")
    path = f"/registry/models/versions/{made['id']}/transition"
    caller.made(path, {"stage": "production"}, 200)
    return made


def test_a_version_that_the_caller_has_is_not_sent_again_through_any_door(site: Site) -> None:
    for path in version_places(live(site.admin)):
        tag = site.admin.get(path).headers["etag"]
        for seen in (tag, f'"other", {tag}', f"W/{tag}"):
            again = site.admin.get(path, headers={"If-None-Match": seen})
            assert again.status_code == 304, (path, seen)
            assert again.headers["etag"] == tag
            assert again.content == b""
        other = site.admin.get(path, headers={"If-None-Match": GONE})
        assert other.status_code == 200


def test_every_door_gives_a_version_the_same_entity_tag(site: Site) -> None:
    tags = {site.admin.get(path).headers["etag"] for path in version_places(live(site.admin))}

    assert len(tags) == 1


def test_the_tag_of_a_version_changes_with_the_version(site: Site) -> None:
    made = live(site.admin)
    tags = []
    for change in (
        lambda: None,
        lambda: site.admin.patch(f"/registry/models/versions/{made['id']}", {"description": "x"}),
        lambda: site.admin.post("/registry/aliases", {"model": "m", "alias": "a", "ref": "m:1"}),
        lambda: site.admin.post("/registry/archivals", {"ref": "m:1"}),
    ):
        change()
        tags.append(site.admin.get("/registry/resolve?ref=m:1").headers["etag"])

    assert len(set(tags)) == 4


def test_a_model_that_the_caller_has_is_not_sent_again(site: Site) -> None:
    site.admin.made("/registry/models", {"name": "m"})
    tag = site.admin.get("/registry/models/m").headers["etag"]

    same = site.admin.get("/registry/models/m", headers={"If-None-Match": tag})
    assert same.status_code == 304
    assert same.content == b""
    site.admin.version("m")
    changed = site.admin.get("/registry/models/m", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


@pytest.mark.parametrize(
    ("method", "tail", "body"),
    [
        ("PATCH", "", {"description": "mine"}),
        ("POST", "/transition", {"stage": "staging"}),
        ("DELETE", "", None),
    ],
)
def test_a_version_that_changed_since_it_was_read_is_not_changed(
    site: Site, method: str, tail: str, body: dict[str, str] | None
) -> None:
    made = site.admin.version("m")
    path = f"/registry/models/versions/{made['id']}"
    seen = site.admin.get(path).headers["etag"]
    site.admin.patch(path, {"description": "theirs"})
    now = site.admin.get(path)

    late = site.admin(method, f"{path}{tail}", json=body, headers={"If-Match": seen})

    assert late.status_code == 412
    assert late.json()["status"] == 412
    assert late.json()["code"] == "conflict"
    assert late.json()["facts"]["etag"] == now.headers["etag"]
    assert site.admin.get(path).content == now.content
    right = {"If-Match": now.headers["etag"]}
    assert site.admin(method, f"{path}{tail}", json=body, headers=right).status_code < 300


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"description": "x"}), ("DELETE", None)])
def test_a_model_that_changed_since_it_was_read_is_not_changed(
    site: Site, method: str, body: dict[str, str] | None
) -> None:
    made = site.admin.made("/registry/models", {"name": "m"})
    for place in ("m", made["id"]):
        path = f"/registry/models/{place}"
        late = site.admin(method, path, json=body, headers={"If-Match": GONE})
        assert late.status_code == 412
    now = site.admin.get("/registry/models/m").headers["etag"]
    assert site.admin(method, path, json=body, headers={"If-Match": now}).status_code < 300


def test_any_state_will_do_for_a_star(site: Site) -> None:
    made = site.admin.version("m")
    path = f"/registry/models/versions/{made['id']}"

    assert site.admin.patch(path, {"description": "x"}, headers={"If-Match": "*"}).is_success


def test_of_changes_that_saw_the_same_one_wins(site_on_sqlite: Site) -> None:
    admin = site_on_sqlite.admin
    made = admin.version("m")
    path = f"/registry/models/versions/{made['id']}"
    for turn in range(5):
        seen = admin.get(path).headers["etag"]
        asked = [
            admin.request(
                "PATCH", path, json={"description": f"{turn} {n}"}, headers={"If-Match": seen}
            )
            for n in range(6)
        ]

        answers = admin.loop.together(asked)

        assert sorted(each.status_code for each in answers) == [200] + [412] * 5
        (won,) = (each.json() for each in answers if each.status_code == 200)
        assert admin.get(path).json()["description"] == won["description"]
