"""Small nouns of tracking for tests, of which everything is known."""

from __future__ import annotations

from dataclasses import replace

from modelry.core.model import File
from modelry.core.ports import TrackingLedger, TrackingView, Unit, View
from modelry.core.tracking.model import Experiment, LoggedModel, Point, Run


def looked(view: View) -> TrackingView:
    """Answer the tracking of a store that keeps it."""
    assert view.tracking is not None
    return view.tracking


def written(unit: Unit) -> TrackingLedger:
    """Answer the tracking of a change in a store that keeps it."""
    assert unit.tracking is not None
    return unit.tracking


def some_experiment(key: str = "11", **facts: object) -> Experiment:
    """Make an experiment that no store holds yet; `facts` replace its own."""
    made = Experiment(
        key=key,
        project="default",
        name=f"experiment {key}",
        tags={},
        author="ada",
        created=5_000,
        updated=5_000,
    )
    return replace(made, **facts)  # type: ignore[arg-type]  # fields by name


def run_id(number: int) -> str:
    """Answer the id of the run `number`."""
    return f"{number:032x}"


def some_run(number: int, **facts: object) -> Run:
    """Make a run that no store holds yet."""
    made = Run(
        id=run_id(number),
        project="default",
        experiment="11",
        name=f"run-{number}",
        status="RUNNING",
        user="ada",
        start=1000 + number,
        end=None,
        author="ada",
        created=1,
    )
    return replace(made, **facts)  # type: ignore[arg-type]  # fields by name


def some_logged_model(number: int, **facts: object) -> LoggedModel:
    """Make a logged model that no store holds yet."""
    made = LoggedModel(
        id=f"m-{number:032x}",
        project="default",
        experiment="11",
        name="model",
        model_type="",
        run_id=run_id(1),
        status="PENDING",
        author="ada",
        created=1000 * number,
        updated=1000 * number,
    )
    return replace(made, **facts)  # type: ignore[arg-type]  # fields by name


def at(key: str, value: float, step: int = 0, timestamp: int = 1, **more: str) -> Point:
    """Make a point."""
    return Point(key=key, value=value, step=step, timestamp=timestamp, **more)


def some_file(path: str, number: int = 1) -> File:
    """Make a file whose blob nobody has."""
    return File(path, f"{number:064x}", number)
