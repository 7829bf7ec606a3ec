"""Every operation against its own description: what schemathesis makes of the OpenAPI document.

Every check of schemathesis is on. Where a request is valid as described and may
yet break a rule that no schema can tell (`unsayable.py`), `positive_data_acceptance`
does not count; that the server does not break on it does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.core.failures import FailureGroup
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)
from unsayable import unsayable

from modelry.core.registry import Registry
from modelry.server.app import desk_of, make_app, native_app
from modelry.server.first import first_admin
from modelry.settings import ServerSettings
from modelry.stores.memory import MemoryStore
from modelry.testing.fakes import world_on

OPERATIONS = 64
CASES = 20_000
EACH = -(-CASES // OPERATIONS)
"""So many cases of each operation at least, which makes `CASES` of them all."""

FEW = 0.02
"""Of valid requests so many may be refused for a rule that `unsayable.py` does not know yet.

What is tried depends on what else a process has loaded, so a new one may turn up any day.
"""

_FOLDER = Path(tempfile.mkdtemp(prefix="modelry-fuzz-"))
_SETTINGS = ServerSettings(home=_FOLDER, log="off")
_STORE = MemoryStore()
_WORLD = world_on(_STORE, _FOLDER)
_TOKEN = {"Authorization": f"Bearer {first_admin(_WORLD)}"}
_SEEN: dict[str, int] = {}
_REFUSED: dict[str, int] = {}

schema = schemathesis.openapi.from_dict(native_app(desk_of(_WORLD, _SETTINGS)).openapi())
schema.app = make_app(_WORLD, _SETTINGS)


def _seed() -> Any:  # noqa: ANN401 - the state of a memory store
    """Register what the examples in the document name."""
    (_FOLDER / "m.bin").write_bytes(b"weights")
    registry = Registry(_WORLD)
    for _ in range(3):
        registry.register("credit-risk", _FOLDER / "m.bin")
    registry.promote("credit-risk:2", "production")
    registry.alias("credit-risk", "champion", "credit-risk:1")
    return _STORE._state


_KEPT = _seed()


@pytest.fixture
def counted() -> Iterator[None]:
    """Let every operation begin with the same registry, and count the cases that it is given.

    The registry goes back to a generation that never was.
    """
    state = _KEPT.copy()
    state.generation = _STORE._state.generation + 1
    _STORE._state = state
    before = sum(_SEEN.values())
    yield
    assert sum(_SEEN.values()) - before >= EACH


def test_every_operation_has_its_part_of_the_cases() -> None:
    assert len(list(schema.get_all_operations())) == OPERATIONS


def _values(case: Case[Any]) -> dict[str, Any]:
    body = case.body if isinstance(case.body, dict) else {}
    parts: tuple[Any, ...] = (case.path_parameters, case.query, case.headers, body)
    return {name: value for part in parts if part for name, value in dict(part).items()}


def _vanishes(case: Case[Any]) -> bool:
    """Say whether what was to be wrong about the query cannot be sent.

    An empty list is nothing, and a list of one value looks like that value.
    """
    known = {each.name for each in case.operation.query}
    given = dict(case.query or {})
    if any(isinstance(value, list) and len(value) == 1 for value in given.values()):
        return True
    return any(name not in known and value in (None, [], {}) for name, value in given.items())


@schema.parametrize()
@settings(max_examples=EACH + 12, deadline=None, database=None, derandomize=True,
          suppress_health_check=list(HealthCheck))  # fmt: skip
@pytest.mark.usefixtures("counted")
def test_an_operation_is_as_it_is_described(case: Case[Any]) -> None:
    operation = str(case.operation.definition.raw["operationId"])
    _SEEN[operation] = _SEEN.get(operation, 0) + 1
    excused: list[Any] = [positive_data_acceptance] if unsayable(operation, _values(case)) else []
    excused += [negative_data_rejection] if _vanishes(case) else []
    try:
        response = case.call_and_validate(
            base_url="http://localhost", headers=_TOKEN, excluded_checks=excused
        )
    except FailureGroup as found:
        if not all(isinstance(each, RejectedPositiveData) for each in found.exceptions):
            raise
        _REFUSED[operation] = _REFUSED.get(operation, 0) + 1
        if _REFUSED[operation] > EACH * FEW:
            raise
    else:
        assert response.status_code < 500
