"""Refusals say what was wrong, and travel."""

import pickle

from modelry.core import errors
from modelry.core.errors import Conflict, RegistryError


def test_a_refusal_travels_between_processes_with_its_facts() -> None:
    refusal = Conflict("taken", ref="m:1", number=1)
    again = pickle.loads(pickle.dumps(refusal))  # noqa: S301 - made here
    assert (type(again), again.message, again.facts) == (
        Conflict,
        "taken",
        {"ref": "m:1", "number": 1},
    )
    assert str(again) == "taken"


def test_every_refusal_has_a_code_of_its_own() -> None:
    kinds = [kind for kind in vars(errors).values()
             if isinstance(kind, type) and issubclass(kind, RegistryError)]  # fmt: skip
    assert len({kind.code for kind in kinds}) == len(kinds) == 9
