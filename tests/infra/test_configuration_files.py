"""Configuration files are parsed, merged and made plain, and hide their secrets (S1.7, S1.8)."""

from __future__ import annotations

import json
import os
import traceback
from pathlib import Path

import pytest

from modelry.core.errors import Invalid, NotFound
from modelry.infra import merge_configs, parse_file, parse_string, to_object

S3 = """
s3:
  endpoint: https://ada:sesame@minio.example/x?signature=sesame
  aws_secret_access_key: ${oc.env:MINIO_PASSWORD}
  again: ${s3.aws_secret_access_key}
  within: "key=${oc.env:MINIO_PASSWORD};"
  plain: ${oc.env:MINIO_PASSWORD_FILE,/run/minio}
  apiToken: sesame
"""


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIO_PASSWORD", "open-sesame")


def test_a_file_and_a_string_are_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "train.yaml"
    path.write_text("model: {name: churn, copy: '${model.name}'}\nsteps: [1, 2]\n")
    plain = {"model": {"name": "churn", "copy": "churn"}, "steps": [1, 2]}
    assert to_object(parse_file(path)) == plain
    assert to_object(parse_string(path.read_text())) == plain
    written = to_object(parse_file(path), resolve=False)
    assert written == {"model": {"name": "churn", "copy": "${model.name}"}, "steps": [1, 2]}


def test_a_later_configuration_wins_key_by_key() -> None:
    first = parse_string("model: {name: churn, lr: 0.1}\nsteps: [1, 2]")
    second = parse_string("model: {lr: 0.2}\nsteps: [3]")
    merged = to_object(merge_configs([first, second]))
    assert merged == {"model": {"name": "churn", "lr": 0.2}, "steps": [3]}
    with pytest.raises(Invalid, match="do not go together"):
        merge_configs([first, parse_string("[1]")])
    with pytest.raises(Invalid, match="nothing to merge"):
        merge_configs([])


def test_secrets_come_from_the_environment_and_work_as_text() -> None:
    found = to_object(parse_string(S3))
    assert isinstance(found, dict)
    assert found["s3"]["aws_secret_access_key"] == os.environ["MINIO_PASSWORD"]
    assert found["s3"]["again"] == "open-sesame"
    assert found["s3"]["within"] == "key=open-sesame;"
    assert json.loads(json.dumps(found)) == found


def test_secrets_are_in_no_repr() -> None:
    config = parse_string(S3)
    for shown in (
        repr(config),
        str(config),
        repr(to_object(config)),
        repr(merge_configs([config])),
    ):
        assert "sesame" not in shown
        assert "********" in shown
    assert "${oc.env:MINIO_PASSWORD}" in repr(config)


MISTAKES = {
    "a: [1": "line 1, column",
    "a: 1\na: 2": "line 2, column 1: found duplicate key a",
    "a: &x [*x]": "line 1, column",
    "a: !!python/object:os.system x": "line 1, column",
    "one value": "holds a single value",
    "a: ${unfinished": "is no configuration",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_named_with_its_place(text: str) -> None:
    with pytest.raises(Invalid, match=MISTAKES[text]):
        parse_string(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: {b: '${oc.env:ABSENT_VARIABLE}'}", "a.b: .*'ABSENT_VARIABLE' not found"),
        ("a: ${b}\nb: ${a}", "a: Recursive interpolation"),
        ("a: ${nowhere.at.all}", "a: .*nowhere"),
        ("a: ???", "a: Missing mandatory value"),
    ],
)
def test_a_reference_that_leads_nowhere_names_its_key(text: str, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        to_object(parse_string(text))


BROKEN = "password: sesame\npassword2: [sesame"


def test_a_mistake_beside_a_secret_does_not_tell_it() -> None:
    with pytest.raises(Invalid) as refused:
        parse_string(BROKEN)
    assert "sesame" not in "".join(traceback.format_exception(refused.value))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        parse_file(tmp_path / "absent.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xff")
    with pytest.raises(Invalid, match="cannot be read as text in UTF-8"):
        parse_file(tmp_path / "latin.yaml")
