"""The code on the page of services runs, exactly as it is printed."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import pytest
from written import blocks, page

PAGE = page("docs/infra.md")


def test_the_page_of_services_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIO_PASSWORD", "")
    example = doctest.DocTestParser().get_doctest(PAGE, {}, "infra.md", "infra.md", 0)
    told: list[str] = []
    result = doctest.DocTestRunner().run(example, out=told.append)
    assert result.attempted > 10
    assert result.failed == 0, "".join(told)


def test_the_run_on_the_page_of_services_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    (code,) = blocks(PAGE, "python")
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "{'auc': 0.91}"
