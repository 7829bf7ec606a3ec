"""What looks like a secret is not in a log."""

from __future__ import annotations

import pytest

from modelry.core.redaction import redact

SECRET = "S3cr3t" + "x" * 37
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "text",
    [
        f"modelry_abcdefghijkl_{SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"authorization: basic {SECRET}",
        f"{{'authorization': 'bearer {SECRET}'}}",
        f"postgresql://modelry:{SECRET}@db:5432/modelry",
        f"https://bucket/key?X-Amz-Signature={SECRET}&x=1",
        f"https://bucket/key?X-Amz-Credential={SECRET}&x=1",
        f"https://bucket/key?x=1&sig={SECRET}",
        f"https://bucket/key?X-Amz-Security-Token={SECRET}",
        f'{{"password": "{SECRET}"}}',
        f"AWS_SECRET_ACCESS_KEY={SECRET}",
        f"client_secret={SECRET}&grant_type=x",
        f"api_key: {SECRET}",
    ],
)
def test_a_secret_is_taken_out(text: str) -> None:
    shown = redact(f"before {text} after")
    assert SECRET not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


def test_a_jwt_is_taken_out() -> None:
    assert redact(f"got {JWT}.") == "got ***."


def test_the_id_of_a_token_stays_so_that_it_can_be_revoked() -> None:
    assert redact(f"modelry_abcdefghijkl_{SECRET}") == "modelry_abcdefghijkl_***"


def test_a_password_with_an_at_sign_is_taken_out_whole() -> None:
    assert redact("postgresql://ada:p@ss@db/x") == "postgresql://ada:***@db/x"


@pytest.mark.parametrize(
    "text",
    [
        "POST /registry/models/{model_id} 201",
        "sha256:" + "a" * 64,
        "the tokens of ada: 3",
        "http://localhost:8000/registry",
        "s3://bucket/prefix?endpoint=http://s3:8333",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_a_long_hostile_text_takes_time_that_grows_with_its_length_only() -> None:
    for piece in ("://", "a:", "eyJ.", "token", "_-", "x_", "bearer "):
        assert len(redact(piece * 20_000)) > 0
