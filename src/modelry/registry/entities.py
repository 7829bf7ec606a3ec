"""What the registry package answers, whichever registry is behind it (S0.2, S0.3)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A registered version: `version` is its number as text, `stage` as `Production`.

    `model_uri` is what the loader of the same kind takes.
    """

    name: str
    version: str
    model_uri: str
    stage: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Where a saved model is, and the run that made it, empty where there was none."""

    model_uri: str
    run_id: str
