"""How much a proof does: enough for every run, and more where `MODELRY_PROOF_...` says so."""

from __future__ import annotations

import os


def count(name: str, usual: int) -> int:
    """Answer `$MODELRY_PROOF_<name>` where it is set, else `usual`."""
    return int(os.environ.get(f"MODELRY_PROOF_{name}", usual))


OPERATIONS = count("OPERATIONS", 20_000)
KILLS = count("KILLS", 500)
STATES = count("STATES", 160)
"""How many states of the disk each power cut scenario tries at most."""
FAULTS = count("FAULTS", 24)
"""How many points of failure each scenario tries at most, spread evenly."""
SEED = count("SEED", 1)
