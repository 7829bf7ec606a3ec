"""The plug-in for MLflow opens a registry once, for as long as the variables say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelry.integrations.mlflow.address import Place


def test_a_registry_is_opened_once_for_the_same_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place("", "default")
    monkeypatch.delenv("MODELRY_URI", raising=False)
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "one"))
    one = place.open()
    monkeypatch.setenv("SOMETHING_ELSE", "1")
    assert place.open() is one
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "two"))
    assert place.open() is not one
    assert (tmp_path / "two" / "registry.db").is_file()
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "one"))
    assert place.open() is one
