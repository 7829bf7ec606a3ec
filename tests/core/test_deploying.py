"""Deployments that only the core sees: many of them, and those of a model that others share."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelry.core.errors import Invalid
from modelry.core.registry import Registry


def test_a_target_among_hundreds_of_deployments_is_found(
    registry: Registry, tmp_path: Path
) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    registry.register("m", path)
    first = registry.deploy("m:1", "first")
    for _ in range(205):
        registry.deploy("m:1", "busy")
    (found,) = registry.deployments("m", target="first")
    assert (found.target, found.deployed_at) == ("first", first.deployed_at)
    assert len(registry.deployments("m", target="busy", limit=1000)) == 205
    page = registry.deployments("m", target="busy", limit=150)
    rest = registry.deployments("m", target="busy", limit=150, cursor=page.next)
    assert (len(page), len(rest)) == (150, 55)


def test_a_target_is_one_line(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    registry.register("m", path)
    for target in ("", "eu\nus"):
        with pytest.raises(Invalid, match=r"target|one line"):
            registry.deploy("m:1", target)
    assert len(registry.deployments("m")) == 0
