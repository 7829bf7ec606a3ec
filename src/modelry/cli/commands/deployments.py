"""Deployments: recording one, and listing them."""

from __future__ import annotations

from typing import Annotated

import typer

from modelry.cli.arguments import AsJson, Comment, Cursor, Limit, ModelName, RefText
from modelry.cli.session import note, print_json, session


def deploy(
    ctx: typer.Context,
    *,
    ref: RefText,
    target: Annotated[
        str,
        typer.Argument(metavar="TARGET", help="Where it runs: eu-cluster.", show_default=False),
    ],
    comment: Comment = "",
    as_json: AsJson = False,
) -> None:
    """Record that a version was brought to a target."""
    here = session(ctx)
    with here.registry() as registry:
        done = registry.deploy(ref, target, comment=comment)
    if as_json:
        from modelry.core.documents import deployment_document

        print_json(deployment_document(done))
        return
    label = "" if done.version == str(done.number) else f" ({done.version})"
    here.sheet().line(f"{done.ref}{label} is deployed to {done.target}")


def deployments(  # noqa: PLR0913 - a list has this many choices
    ctx: typer.Context,
    *,
    model: ModelName,
    target: Annotated[
        str | None, typer.Option("--target", metavar="TARGET", help="Only to this target.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List where versions of a model were deployed, newest first."""
    here = session(ctx)
    with here.registry() as registry:
        found = registry.deployments(model, target=target, limit=limit, cursor=cursor)
    if as_json:
        from modelry.core.documents import deployment_document

        print_json({"deployments": [deployment_document(e) for e in found], "next": found.next})
        return
    if not found:
        note(f"{model} was not deployed" + ("" if target is None else f" to {target}"))
        return
    from modelry.cli.pages.lists import deployments_table

    deployments_table(here.sheet(), found)
    if found.next is not None:
        note(f"there is more; go on with --cursor {found.next}")
