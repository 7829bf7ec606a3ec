"""What may change of a version or a model: tags and descriptions."""

from __future__ import annotations

from typing import Annotated

import typer

from modelry.cli import values
from modelry.cli.arguments import AsJson, ModelOrRef
from modelry.cli.session import Session, print_json, session


def tag(
    ctx: typer.Context,
    *,
    ref: ModelOrRef,
    pairs: Annotated[
        list[str] | None,
        typer.Argument(metavar="K[=V]...", help="Tags to set.", show_default=False),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="K", help="A tag to remove.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set and remove tags of a version, or of a model."""
    if not pairs and not remove:
        msg = "say which tags to set (K=V) or to --remove"
        raise typer.BadParameter(msg, param_hint="K=V")
    wanted = values.tags(pairs or (), "K=V")
    here = session(ctx)
    with here.registry() as registry:
        registry.tag(ref, wanted, remove=remove or ())
    _show(here, ref, "tags", as_json=as_json)


def describe(
    ctx: typer.Context,
    *,
    ref: ModelOrRef,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="The description.", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Replace the description of a version, or of a model."""
    here = session(ctx)
    with here.registry() as registry:
        registry.describe(ref, text)
    _show(here, ref, "description", as_json=as_json)


def _show(here: Session, ref: str, what: str, *, as_json: bool) -> None:
    """Say how the version or the model stands now."""
    from modelry.core.names import parse_ref

    with here.registry() as registry:
        if parse_ref(ref).selector == "none":
            model = registry.model(ref).model
            name, tags, description = model.full_name, model.tags, model.description
        else:
            version = registry.resolve(ref)
            name, tags, description = version.ref, version.tags, version.description
    if as_json:
        print_json({"ref": name, "tags": dict(tags), "description": description})
        return
    shown = ", ".join(f"{key}={value}" if value else key for key, value in sorted(tags.items()))
    now = (shown or "none") if what == "tags" else (description or "none")
    here.sheet().paragraph(f"{what} of {name}: {now}", hang=2)
