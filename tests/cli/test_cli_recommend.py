from __future__ import annotations

from collections.abc import Callable

import pytest
from answers import Command

MakeFile = Callable[[str, bytes], str]


@pytest.fixture
def three(run: Command, model_file: MakeFile) -> None:
    for number, (auc, loss) in enumerate([(0.9, 0.4), (0.93, 0.6), (0.88, 0.3)]):
        path = model_file(f"m{number}.bin", bytes([number]))
        run("register", "churn", path, "--metric", f"auc={auc}", "--metric", f"loss={loss}")
    run("promote", "churn:1", "production")


@pytest.mark.usefixtures("three")
def test_a_version_is_recommended_with_its_reasons(run: Command) -> None:
    said = run("recommend", "churn", "--by", "auc")
    assert said.lines[0].startswith("take churn:2: best auc of 3; auc 0.03 better than churn:1")
    rows = [line.split() for line in said.lines if line and line.split()[0].isdigit()]
    assert [row[:2] for row in rows] == [["1", "churn:2"], ["2", "churn:1"], ["3", "churn:3"]]
    assert "(live)" in said.out

    document = run("recommend", "churn", "--by", "auc", "--by", "loss=3", "--json").document
    assert document["recommended"] == "churn:3"
    assert document["measures"][1] == {"metric": "loss", "lower_is_better": True, "weight": 3.0}
    assert [each["ref"] for each in document["ranked"]] == ["churn:3", "churn:1", "churn:2"]
    assert document["ranked"][0]["ranks"] == {"auc": 3, "loss": 1}
    assert document["live"] == "churn:1"


@pytest.mark.usefixtures("three")
def test_a_choice_may_be_narrowed(run: Command) -> None:
    found = run("recommend", "churn", "--by", "auc", "--where", "metrics.loss < 0.5", "--json")
    assert found.document["recommended"] == "churn:1"
    assert found.document["reasons"] == ["best auc of 2", "it is live already"]
    assert run("recommend", "churn", "--by", "auc", "--lower", "auc", "--json").document[
        "recommended"] == "churn:3"  # fmt: skip


@pytest.mark.usefixtures("three")
def test_what_cannot_be_recommended_is_said(run: Command) -> None:
    assert "has f1" in run("recommend", "churn", "--by", "f1", code=1).err
    assert "there is no model" in run("recommend", "absent", "--by", "auc", code=1).err
    assert "weight above 0" in run("recommend", "churn", "--by", "auc=0", code=1).err
    assert "--by" in run("recommend", "churn", code=2).err


def test_of_many_candidates_the_first_are_shown(run: Command, model_file: MakeFile) -> None:
    for number in range(23):
        run(
            "register",
            "m",
            model_file(f"{number}", bytes([number])),
            "--metric",
            f"auc=0.{number + 10}",
        )
    said = run("recommend", "m", "--by", "auc")
    assert said.lines[0].startswith("take m:23: best auc of 23")
    assert "and 3 more" in said.out
