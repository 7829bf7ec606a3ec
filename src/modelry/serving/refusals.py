"""What only an inference service refuses."""

from __future__ import annotations

from modelry.core.errors import Invalid, NotFound


class NoProductionModel(NotFound, RuntimeError):
    """Nothing is in production, so there is nothing to serve: the service does not start."""


class Unfit(Invalid):
    """A version does not load, or does not answer as it says; it is not served."""


def no_production_model(model: str, stage: str) -> NoProductionModel:
    """Answer the refusal to start without a version in `stage`."""
    return NoProductionModel(f"No {stage} model found in registry!", model=model, stage=stage)
