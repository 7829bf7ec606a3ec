"""The page about signing in says what is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from signin_site import Site

from modelry.server.signin.options import TRUSTED_ISSUERS
from modelry.server.signin.people import CODE_SECONDS
from modelry.server.signin.pipelines import LIFETIME, NAMING, TELLING
from modelry.server.signin.provider import LOGIN_SECONDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "signing-in.md").read_text(encoding="utf-8")
JOBS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_jobs_on_the_page_are_yaml_that_asks_for_this_servers_audience() -> None:
    github, gitlab = (yaml.safe_load(job) for job in JOBS)
    job: dict[str, Any] = github["jobs"]["train"]
    assert job["permissions"]["id-token"] == "write"
    assert "&audience=$MODELRY_URI" in job["steps"][2]["run"]
    aud = gitlab["train"]["id_tokens"]["IDENTITY"]["aud"]
    assert aud == gitlab["train"]["variables"]["MODELRY_URI"] == job["env"]["MODELRY_URI"]
    assert all(isinstance(line, str) for line in gitlab["train"]["script"])


@pytest.mark.parametrize("claim", TELLING)
def test_every_claim_that_is_recorded_is_on_the_page(claim: str) -> None:
    assert f"`{claim}`" in PAGE


def test_the_times_on_the_page_are_those_that_hold() -> None:
    assert (LIFETIME, CODE_SECONDS, LOGIN_SECONDS) == (15 * 60 * 1_000_000, 120, 600)
    for said in ("15 minutes", "two minutes", "ten minutes"):
        assert said in PAGE.replace("\n", " ")


def test_every_issuer_that_is_trusted_by_default_has_claims_that_say_whose_pipeline_it_is() -> None:
    assert set(NAMING) == set(TRUSTED_ISSUERS)


def test_the_routes_on_the_page_are_there(site: Site) -> None:
    for path in sorted(set(re.findall(r"/auth/[a-z]+", PAGE)) - {"/auth/config"}):
        assert site.ask("PATCH", path).status_code == 405
