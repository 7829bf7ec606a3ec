"""What looks like a secret is hidden wherever text is shown, and what does not is not."""

from __future__ import annotations

import time

import pytest

from modelry.infra.secrets import masked, sounds_secret

HIDDEN = {
    "https://ada:sesame@host/x": "https://********@host/x",
    "https://sesame-sesame-sesame@host": "https://********@host",
    "postgresql://ada@host/db": "postgresql://ada@host/db",
    "https://host/x?token=sesame&page=2": "https://host/x?token=********&page=2",
    "s3://bucket?aws_secret_access_key=sesame": "s3://bucket?aws_secret_access_key=********",
    "https://host/x?sig=sesame": "https://host/x?sig=********",
    "Authorization: Bearer sesame-sesame": "Authorization: Bearer ********",
    "key AKIAIOSFODNN7EXAMPLE is gone": "key ******** is gone",
    "modelry_4k2j9x0q1m7z_abc was refused": "******** was refused",
    "a bearer of news, and x=1; y=2": "a bearer of news, and x=1; y=2",
    "mail ada@example.com at 10:30": "mail ada@example.com at 10:30",
}


@pytest.mark.parametrize("text", HIDDEN)
def test_secrets_in_text_are_hidden_and_nothing_else(text: str) -> None:
    assert masked(text) == HIDDEN[text]


def test_a_secret_that_is_known_is_hidden_wherever_it_stands() -> None:
    assert masked("open sesame, please", ("sesame", "")) == "open ********, please"


@pytest.mark.parametrize(
    "name",
    ["password", "aws_secret_access_key", "AWS_ACCESS_KEY_ID", "apiToken", "db.passwd", "api-key"],
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert sounds_secret(name)


@pytest.mark.parametrize("name", ["tokenizer", "keyboard", "monkey", "max_passes", "author", "lr"])
def test_other_names_are_not(name: str) -> None:
    assert not sounds_secret(name)


@pytest.mark.parametrize(
    "text",
    ["://a:" + "a:" * 100_000, "?" * 200_000, "://" * 70_000, "?a" * 100_000, "bearer " * 30_000],
)
def test_hostile_text_takes_time_that_grows_with_its_length_alone(text: str) -> None:
    begun = time.process_time()
    masked(text)
    assert time.process_time() - begun < 2
