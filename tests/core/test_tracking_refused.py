"""A store that keeps no experiments and runs says so."""

from __future__ import annotations

import pytest

from modelry.core.errors import Unsupported
from modelry.core.service import Service
from modelry.core.verbs.world import World
from modelry.stores.held import HeldView, State


class _NoRuns(HeldView):
    """A view of a store that keeps no runs."""


def test_a_store_that_keeps_no_runs_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _NoRuns(State()).tracking is None
    with world.store.read() as view:
        kind = type(view)
    monkeypatch.setattr(kind, "tracking", None)
    with pytest.raises(Unsupported, match="keeps no experiments and runs"):
        Service(world).run("x")


def test_a_store_that_keeps_no_runs_is_not_changed_by_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.store.change(type), "tracking", None)
    before = world.store.generation()

    with pytest.raises(Unsupported, match="keeps no experiments and runs"):
        Service(world).tracking().create_experiment("a", {})
    assert world.store.generation() == before
