"""What a refusal looks like, and what is left behind: nothing."""

from typing import Any

from server_site import Answer, Site

JSON = {"Content-Type": "application/json"}
MODELS = "/registry/models"


def raw(site: Site, body: bytes, path: str = MODELS, method: str = "POST") -> Answer:
    return site.admin(method, path, content=body, headers=JSON)


def refused(answer: Answer, *statuses: int) -> dict[str, Any]:
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


def nothing_there(site: Site) -> None:
    assert site.admin.get(MODELS).json()["total"] == 0
