"""Auditing the records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelry.cli import arguments
from modelry.cli.arguments import AsJson, Force, NewFile
from modelry.cli.completion import complete_model
from modelry.cli.meter import Meter
from modelry.cli.session import fail_on, print_json, session
from modelry.cli.writing import whole_file

if TYPE_CHECKING:
    from modelry.core.verbs.audit import Checkpoint

audit = typer.Typer(help="Verify the records, and keep proof of them.", rich_markup_mode=None)


@audit.command("verify")
def verify_records(
    ctx: typer.Context,
    *,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]",
            help="Only this model.",
            autocompletion=complete_model,
            show_default=False,
        ),
    ] = None,
    checkpoint: arguments.Checkpoint = None,
    key: arguments.Key = None,
    as_json: AsJson = False,
) -> None:
    """Find every record that was edited, removed or reordered, and name it."""
    seen = read_checkpoint(checkpoint, key)
    here = session(ctx)
    with here.registry() as registry, Meter("chains", color=here.color) as meter:
        found = registry.audit(model, checkpoint=seen, progress=meter)
    from modelry.cli.documents import problems_document
    from modelry.cli.pages.words import plural

    if as_json:
        problems = problems_document(found.problems)
        print_json({"ok": not problems, "chains": found.chains, "events": found.events,
                    "problems": problems})  # fmt: skip
    elif not found.problems:
        told = f"{plural(found.events, 'record')} in {plural(found.chains, 'chain')}"
        here.sheet().paragraph(f"all good: {told}, none edited, removed or reordered")
    fail_on(here, found.problems, as_json=as_json)


@audit.command("checkpoint")
def write_checkpoint(
    ctx: typer.Context, *, file: NewFile, force: Force = False, as_json: AsJson = False
) -> None:
    """Write the last record of every chain to a file, to be kept elsewhere."""
    from modelry.core.verbs.audit import checkpoint_to_text

    here = session(ctx)
    with here.registry() as registry, whole_file(file, force=force) as stream:
        taken = registry.checkpoint()
        stream.write(checkpoint_to_text(taken).encode() + b"\n")
    from modelry.cli.documents import iso
    from modelry.cli.pages.words import plural

    if as_json:
        print_json({"file": str(file), "at": iso(taken.at), "chains": len(taken.heads)})
    else:
        count = plural(len(taken.heads), "chain")
        here.sheet().paragraph(f"wrote {file}, the last records of {count}; keep it elsewhere")


def read_checkpoint(file: Path | None, key: Path | None = None) -> Checkpoint | None:
    """Read a checkpoint's file; one that a server signed takes the public key to believe it."""
    from modelry.core.errors import Invalid
    from modelry.core.verbs.audit import checkpoint_from_text

    if file is None:
        return None
    data = file.read_bytes()
    signed = b'"modelry.signed-checkpoint' in data
    if key is None and not signed:
        return checkpoint_from_text(data)
    if key is None:
        msg = f"{file} is a signed checkpoint; name the public key that it must be of: --key FILE"
        raise Invalid(msg)
    from modelry.server.checkpoints.signing import read_signed

    return read_signed(data, key.read_bytes())
