"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modelry.cli.completion import complete_model, complete_ref, complete_stage

ModelName = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A model: NAME or PROJECT/NAME.",
        autocompletion=complete_model,
        show_default=False,
    ),
]
RefText = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        help="A version: model:3, model:1.2.0, model@production, model@alias, model@sha256:...",
        autocompletion=complete_ref,
        show_default=False,
    ),
]
ModelOrRef = Annotated[
    str,
    typer.Argument(
        metavar="MODEL|REF",
        help="A model, or one version of it (model:3, model@production).",
        autocompletion=complete_ref,
        show_default=False,
    ),
]
StageName = Annotated[
    str,
    typer.Argument(
        metavar="STAGE",
        help="A stage of the project.",
        autocompletion=complete_stage,
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Comment = Annotated[
    str, typer.Option("--comment", "-m", help="Why; kept in the history.", show_default=False)
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most so many.")]
Cursor = Annotated[
    str | None,
    typer.Option("--cursor", metavar="TEXT", help="Go on where the last answer said."),
]
InProject = Annotated[
    str | None, typer.Option("--project", metavar="NAME", help="Only this project.")
]
NewFile = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="The file to write.", show_default=False, dir_okay=False),
]
GivenFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="The file to read.", exists=True, dir_okay=False, show_default=False
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Write over a file that is there.")]
Key = Annotated[
    Path | None,
    typer.Option(
        "--key",
        metavar="FILE",
        help="The public key of a server's signed checkpoints (checkpoints.pub).",
        exists=True,
        dir_okay=False,
    ),
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        metavar="FILE",
        help="A file of `modelry audit checkpoint`, to notice records that are gone.",
        exists=True,
        dir_okay=False,
    ),
]
Lower = Annotated[
    list[str] | None,
    typer.Option("--lower", metavar="METRIC", help="Lower is better, whatever its name."),
]
Higher = Annotated[
    list[str] | None,
    typer.Option("--higher", metavar="METRIC", help="Higher is better, whatever its name."),
]
