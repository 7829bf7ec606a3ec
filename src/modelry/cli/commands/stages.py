"""Stages: moving versions between them, and what stages a project has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelry.cli.arguments import AsJson, Comment, GivenFile, ModelName, RefText, StageName
from modelry.cli.completion import complete_stage
from modelry.cli.session import Session, print_json, session

if TYPE_CHECKING:
    from modelry.core.lifecycle import Lifecycle
    from modelry.core.model import Version

stages = typer.Typer(help="Look at and change the stages of a project.", rich_markup_mode=None)


def promote(  # noqa: PLR0913 - what, where to, why, and under which conditions
    ctx: typer.Context,
    *,
    ref: RefText,
    stage: StageName,
    comment: Comment = "",
    displace: Annotated[
        str | None,
        typer.Option(
            "--displace",
            metavar="archive|STAGE|keep",
            help="Where the version that was there goes; else as the project says.",
        ),
    ] = None,
    expect: Annotated[
        str | None,
        typer.Option(
            "--expect",
            metavar="N",
            help="Only if the stage names version N now ('none': nothing).",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Move a version into a stage, which names it from then on."""
    here = session(ctx)
    with here.registry() as registry:
        version = registry.promote(ref, stage, comment=comment, displace=displace, expect=expect)
    _tell(here, version, f"{version.ref} is in {version.stage} now", as_json=as_json)


def rollback(
    ctx: typer.Context,
    *,
    model: ModelName,
    stage: Annotated[
        str | None,
        typer.Argument(
            metavar="[STAGE]",
            help="By default production, the last exclusive stage.",
            autocompletion=complete_stage,
            show_default=False,
        ),
    ] = None,
    comment: Comment = "",
    as_json: AsJson = False,
) -> None:
    """Bring back the version that a stage named before; again for one further back."""
    here = session(ctx)
    with here.registry() as registry:
        version = registry.rollback(model, stage, comment=comment)
    text = f"{version.stage} of {version.full_name} is back at {version.ref}"
    _tell(here, version, text, as_json=as_json)


def archive(
    ctx: typer.Context, *, ref: RefText, comment: Comment = "", as_json: AsJson = False
) -> None:
    """Retire a version; a stage that named it names nothing then."""
    here = session(ctx)
    with here.registry() as registry:
        version = registry.archive(ref, comment=comment)
    _tell(here, version, f"{version.ref} is {version.stage} now", as_json=as_json)


def _tell(here: Session, version: Version, text: str, *, as_json: bool) -> None:
    if as_json:
        from modelry.cli.documents import version_document

        print_json(version_document(version))
        return
    label = "" if version.version == str(version.number) else f" ({version.version})"
    here.sheet().line(text.replace(version.ref, f"{version.ref}{label}", 1))


@stages.command("show")
def show_stages(
    ctx: typer.Context,
    *,
    project: Annotated[str, typer.Argument(metavar="[PROJECT]")] = "default",
    as_json: AsJson = False,
) -> None:
    """Show the stages of a project, in their order."""
    here = session(ctx)
    with here.registry() as registry:
        lifecycle = registry.stages(project)
    _show(here, project, lifecycle, as_json=as_json)


@stages.command("set")
def set_stages(
    ctx: typer.Context,
    *,
    file: GivenFile,
    project: Annotated[str, typer.Option("--project", metavar="NAME")] = "default",
    as_json: AsJson = False,
) -> None:
    """Replace the stages of a project by those of a JSON file.

    The file holds a list of names or objects (name, exclusive, pointed,
    displaced, after, four_eyes), or what `modelry stages show --json` prints.
    """
    wanted = _read_stages(file)
    here = session(ctx)
    with here.registry() as registry:
        lifecycle = registry.configure_stages(wanted, project)
    _show(here, project, lifecycle, as_json=as_json)


def _read_stages(file: Path) -> list[object]:
    from modelry.core.errors import Invalid
    from modelry.core.strict_json import loads

    value = loads(file.read_bytes(), str(file))
    found = value.get("stages") if isinstance(value, dict) else value
    if not isinstance(found, list):
        msg = f"{file} holds no list of stages (modelry stages show --json prints one)"
        raise Invalid(msg)
    return list(found)


def _show(here: Session, project: str, lifecycle: Lifecycle, *, as_json: bool) -> None:
    if as_json:
        from modelry.cli.documents import lifecycle_document

        print_json(lifecycle_document(project.lower(), lifecycle))
        return
    from modelry.cli.pages.lists import stages_table

    stages_table(here.sheet(), lifecycle)
