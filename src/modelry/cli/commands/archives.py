"""Files that carry a registry elsewhere: backup and restore, export and what takes it in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelry.cli.arguments import AsJson, Checkpoint, Force, GivenFile, Key, NewFile
from modelry.cli.commands.audit import read_checkpoint
from modelry.cli.completion import complete_model
from modelry.cli.meter import Meter
from modelry.cli.session import Session, print_json, session
from modelry.cli.writing import whole_file

if TYPE_CHECKING:
    from modelry.core.verbs.export import Carried


def backup(
    ctx: typer.Context, *, file: NewFile, force: Force = False, as_json: AsJson = False
) -> None:
    """Write the whole registry, consistent while others write, into one file."""
    _write(session(ctx), file, None, "backed up", force=force, as_json=as_json)


def export(
    ctx: typer.Context,
    *,
    file: NewFile,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]",
            help="Only this model; else the whole registry.",
            autocompletion=complete_model,
            show_default=False,
        ),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a registry, or one model, with its history and bytes into one file."""
    _write(session(ctx), file, model, "exported", force=force, as_json=as_json)


def restore(
    ctx: typer.Context,
    *,
    file: GivenFile,
    checkpoint: Checkpoint = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Fill this registry, which must be empty, from a backup, exactly as it was."""
    seen = read_checkpoint(checkpoint, key)
    here = session(ctx)
    with here.registry() as registry, Meter(color=here.color) as meter, file.open("rb") as stream:
        carried = registry.restore(stream, checkpoint=seen, progress=meter)
    _tell(here, f"restored from {file}", carried, file, as_json=as_json)


def import_file(here: Session, file: Path, *, as_json: bool) -> None:
    """Take in the models of an export, verified; what is here already is passed over."""
    with here.registry() as registry, Meter(color=here.color) as meter, file.open("rb") as stream:
        carried = registry.import_(stream, progress=meter)
    _tell(here, f"imported from {file}", carried, file, as_json=as_json)


def _write(  # noqa: PLR0913 - what, where, and how to say it
    here: Session, file: Path, model: str | None, verb: str, *, force: bool, as_json: bool
) -> None:
    with (
        here.registry() as registry,
        Meter(color=here.color) as meter,
        whole_file(file, force=force) as stream,
    ):
        carried = registry.export(stream, model, progress=meter)
    _tell(here, f"{verb} to {file}", carried, file, as_json=as_json)


def _tell(here: Session, what: str, carried: Carried, file: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({
            "file": str(file), "models": carried.models, "versions": carried.versions,
            "events": carried.events, "blobs": carried.blobs, "bytes": carried.bytes,
        })  # fmt: skip
        return
    from modelry.cli.pages.words import plural, size

    held = (f"{plural(carried.models, 'model')}, {plural(carried.versions, 'version')}, "
            f"{plural(carried.events, 'event')}, {size(carried.bytes)}")  # fmt: skip
    here.sheet().paragraph(f"{what}: {held}", hang=2)
