"""Running the jobs of a pipeline."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from modelry.cli.arguments import AsJson
from modelry.cli.session import Session, print_json, session

if TYPE_CHECKING:
    from modelry.pipelines import Pipeline, Report


def run(
    ctx: typer.Context,
    *,
    given: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE...", help="YAML; a later one wins.", show_default=False),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, and do nothing.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of such a file.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run what YAML files describe: register after training, promote after evaluation, deploy.

    The first job that fails ends the run with exit code 1, and changes
    nothing more. See docs/pipelines.md.
    """
    from modelry.cli.commands.register import notes
    from modelry.pipelines import read_pipeline, run_pipeline, schema_text

    if schema:
        sys.stdout.write(schema_text())
        return
    if not given:
        msg = "name at least one file, or --schema"
        raise typer.BadParameter(msg, param_hint="FILE...")
    pipeline = read_pipeline(given)
    here = session(ctx)
    where = Session(here.uri or pipeline.registry, here.color)
    with _ending(), notes(), where.registry() as registry:
        report = run_pipeline(pipeline, registry, dry=dry_run)
    _show(here, report, as_json=as_json)
    if not dry_run:
        _alert(pipeline, report)
    if report.error is not None:
        raise report.error


@contextmanager
def _ending() -> Iterator[None]:
    """End as asked by SIGTERM as by Ctrl-C: after what a job is running was ended."""

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        raise typer.Exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show(here: Session, report: Report, *, as_json: bool) -> None:
    if as_json:
        print_json({"jobs": [
            {"name": each.job.name, "job": each.job.kind, "outcome": each.outcome,
             "version": each.version, "message": each.words,
             "conditions": [{"holds": one.holds, "text": one.words} for one in each.verdicts]}
            for each in report.done
        ]})  # fmt: skip
        return
    for each in report.done:
        if each.outcome != "failed":  # it is told last, on standard error
            words = f": {each.words}" if each.words else ""
            here.sheet().line(f"{each.job.name}: {each.outcome}" + words if each.outcome in {
                "would run", "not run"} else f"{each.job.name}{words}")  # fmt: skip


def _alert(pipeline: Pipeline, report: Report) -> None:
    """Tell whoever the file names how it ended."""
    if not pipeline.alerts:
        return
    from modelry.infra import AlertsService

    title = "modelry run failed" if report.error else "modelry run is done"
    words = [str(report.error)] if report.error else [each.words for each in report.done]
    with AlertsService(pipeline.alerts) as alerts:
        alerts.notify(title, "\n".join(words))
