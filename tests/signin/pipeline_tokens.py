"""What tokens of pipelines say, and what it looks like when one is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

from signin_site import PUBLIC, Site

from modelry.core.events import EventKind

GITHUB_CLAIMS: dict[str, Any] = {
    "jti": "4d4d9f0e-0001",
    "sub": "repo:octo-org/models:environment:release",
    "aud": PUBLIC,
    "repository": "octo-org/models",
    "repository_id": "74",
    "repository_owner": "octo-org",
    "repository_owner_id": "65",
    "ref": "refs/heads/main",
    "sha": "0b9dc3d1",
    "workflow": "train",
    "workflow_ref": "octo-org/models/.github/workflows/train.yml@refs/heads/main",
    "run_id": "11",
    "run_attempt": "1",
    "actor": "octocat",
    "environment": "release",
}
GITHUB_TRUSTED = {"repository": "octo-org/models", "environment": "release"}

GITLAB_CLAIMS: dict[str, Any] = {
    "jti": "c82eeb0c-5c6f",
    "sub": "project_path:group/models:ref_type:branch:ref:main",
    "aud": PUBLIC,
    "project_id": "22",
    "project_path": "group/models",
    "namespace_path": "group",
    "pipeline_id": "1212",
    "job_id": "1391",
    "ref": "main",
    "ref_path": "refs/heads/main",
    "ref_protected": "true",
    "sha": "714a629c",
    "user_login": "sidney",
}
GITLAB_TRUSTED = {"project_path": "group/models", "ref_protected": "true"}


def refusal(site: Site, token: str, project: str = "default") -> str:
    answer = site.exchange(token, project)
    assert (answer.status_code, answer.json()["code"]) == (400, "unauthenticated"), answer.text
    assert answer.json()["facts"] == {}
    assert site.events(EventKind.TOKEN_CREATED) == []
    return str(answer.json()["detail"])


def piece(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found
