"""The files of versions: using and verifying them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from modelry.cli.arguments import AsJson, ModelOrRef
from modelry.cli.completion import complete_ref
from modelry.cli.meter import Meter
from modelry.cli.session import fail_on, print_json, session


def use(
    ctx: typer.Context,
    *,
    ref: ModelOrRef,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="A folder to bring the files to.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring a version to this disk, verified, and print its path and nothing else.

    A model alone means production, else its latest version.
    """
    here = session(ctx)
    with here.registry() as registry, Meter(color=here.color) as meter:
        version = registry.resolve(ref)
        path = registry.use(version.ref, to=to, progress=meter)
    if as_json:
        print_json({"ref": version.ref, "digest": version.digest, "path": str(path)})
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(path) + b"\n")


def verify(
    ctx: typer.Context,
    *,
    ref: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL|REF]",
            help="One version or model; else everything.",
            autocompletion=complete_ref,
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read every byte again and name the files that are damaged."""
    here = session(ctx)
    with here.registry() as registry, Meter(color=here.color) as meter:
        found = registry.verify(ref, progress=meter)
    from modelry.cli.documents import problems_document
    from modelry.cli.pages.words import plural, size

    if as_json:
        problems = problems_document(found.problems)
        print_json({"ok": not problems, "blobs": found.blobs, "bytes": found.bytes,
                    "problems": problems})  # fmt: skip
    elif not found.problems:
        told = f"all good: {plural(found.blobs, 'blob')} read, {size(found.bytes)}"
        here.sheet().paragraph(told)
    fail_on(here, found.problems, as_json=as_json)
