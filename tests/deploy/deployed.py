"""The files that people deploy with, read as what they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
KUBERNETES = CHECKOUT / "deploy" / "kubernetes"
FILES = [
    CHECKOUT / name for name in ("Dockerfile", "compose.yaml", ".env.example", ".dockerignore")
] + sorted(path for path in (CHECKOUT / "deploy").rglob("*") if path.is_file())

Document = dict[str, Any]


def text(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def documents(path: Path) -> list[Document]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def compose() -> Document:
    found: Document = yaml.safe_load(text("compose.yaml"))
    return found


def kustomization() -> Document:
    (found,) = documents(KUBERNETES / "kustomization.yaml")
    return found


def manifests() -> dict[str, Document]:
    """Answer every manifest of the kustomization by its kind."""
    found = [each for name in kustomization()["resources"] for each in documents(KUBERNETES / name)]
    return {each["kind"]: each for each in found}


def pods() -> dict[str, Document]:
    """Answer the pod templates by kind."""
    return {
        kind: each["spec"]["template"]["spec"]
        for kind, each in manifests().items()
        if kind in ("Deployment", "Job")
    }


def variables() -> set[str]:
    """Name every MODELRY_ variable that some file sets or mentions."""
    return {name for path in FILES for name in
            re.findall(r"MODELRY_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8"))}  # fmt: skip
