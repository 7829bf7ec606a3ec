"""One registry for models of every kind, in projects (S2.1)."""

from __future__ import annotations

import io
from pathlib import Path

import joblib
import numpy as np
import pytest
from format_files import gguf, gguf_pair, gguf_tensor
from safetensors.numpy import save
from sklearn.linear_model import LogisticRegression

import modelry


def classic() -> bytes:
    out = io.BytesIO()
    joblib.dump(LogisticRegression().fit([[0], [1]], [0, 1]), out)
    return out.getvalue()


KINDS = {
    "risk/classic.joblib": (classic, ("joblib", "scikit-learn")),
    "vision/deep.safetensors": (
        lambda: save({"w": np.zeros((2, 2), np.float32)}, metadata={"format": "pt"}),
        ("safetensors", "pytorch"),
    ),
    "chat/generative.gguf": (
        lambda: gguf([gguf_pair("general.architecture", "llama")],
                     [gguf_tensor("n", [8], 0, 0)], bytes(32)),
        ("gguf", "llama.cpp"),
    ),
}  # fmt: skip


def test_s2_1_models_of_every_kind_are_registered_in_their_projects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MODELRY_URI", raising=False)
    with modelry.connect() as registry:
        for name, (make, kind) in KINDS.items():
            project, _, file = name.partition("/")
            registry.create_project(project)
            (tmp_path / file).write_bytes(make())
            made = registry.register(f"{project}/{Path(file).stem}", tmp_path / file)
            assert made.findings is not None
            assert (made.findings.format, made.findings.framework) == kind
        listed = [each.model.full_name for each in registry.models()]
        assert listed == ["chat/generative", "risk/classic", "vision/deep"]
        assert [each.name for each in registry.search("format = gguf")] == ["generative"]
