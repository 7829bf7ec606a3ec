"""Aliases."""

from __future__ import annotations

from typing import Annotated

import typer

from modelry.cli.arguments import AsJson, Comment, ModelName
from modelry.cli.session import print_json, session


def alias(  # noqa: PLR0913 - both forms of the verb
    ctx: typer.Context,
    *,
    model: ModelName,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The alias.", show_default=False)],
    ref: Annotated[
        str | None,
        typer.Argument(
            metavar="[REF]",
            help="A label, a number, @stage or a whole ref of the model.",
            show_default=False,
        ),
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Take the alias away.")] = False,
    comment: Comment = "",
    as_json: AsJson = False,
) -> None:
    """Point an alias of a model at a version, or take it away (--delete)."""
    if delete == (ref is not None):
        msg = "say which version it names, or --delete" if ref is None else (
            "--delete takes no version")  # fmt: skip
        raise typer.BadParameter(msg, param_hint="REF")
    here = session(ctx)
    with here.registry() as registry:
        if ref is None:
            registry.remove_alias(model, name, comment=comment)
            document: dict[str, object] = {"model": model, "alias": name.lower(), "ref": None}
            text = f"{model}@{name.lower()} is gone"
        else:
            version = registry.alias(model, name, ref, comment=comment)
            document = {"model": version.full_name, "alias": name.lower(), "ref": version.ref}
            text = f"{version.full_name}@{name.lower()} names {version.ref} now"
    if as_json:
        print_json(document)
    else:
        here.sheet().line(text)
