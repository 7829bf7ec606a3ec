"""Deployments that only the core sees: many of them, and those of a model that others share."""

from __future__ import annotations

from pathlib import Path

from modelry.core.registry import Registry


def test_a_target_among_hundreds_of_deployments_is_found(
    registry: Registry, tmp_path: Path
) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    registry.register("m", path)
    registry.deploy("m:1", "first")
    for _ in range(205):
        registry.deploy("m:1", "busy")
    assert [each.target for each in registry.deployments("m", target="first")] == ["first"]
    assert len(registry.deployments("m", target="busy", limit=1000)) == 205
    page = registry.deployments("m", target="busy", limit=150)
    rest = registry.deployments("m", target="busy", limit=150, cursor=page.next)
    assert (len(page), len(rest)) == (150, 55)
