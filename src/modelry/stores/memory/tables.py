"""What a memory store holds beside the models: experiments, runs, logged models, artefacts."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelry.core.model import File
from modelry.core.tracking.model import Experiment, LoggedModel, Point, Run
from modelry.stores.held import State

Place = tuple[str, int, int, float, bool]


@dataclass(slots=True)
class Tables(State):
    """The tables.

    Points are kept by run and place, what was measured of a logged model by
    that model too, artefacts by owner and path, with the project of their owner.
    """

    experiments: dict[str, Experiment] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    logged_models: dict[str, LoggedModel] = field(default_factory=dict)
    points: dict[tuple[str, Place], Point] = field(default_factory=dict)
    measured: dict[tuple[str, str, Place], Point] = field(default_factory=dict)
    artifacts: dict[tuple[str, str], tuple[File, str]] = field(default_factory=dict)
