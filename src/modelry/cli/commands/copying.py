"""Copying to and from registries of any kind, and taking in the file of an export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelry.cli.arguments import AsJson
from modelry.cli.commands.archives import import_file
from modelry.cli.completion import complete_ref
from modelry.cli.session import Session, fail_on, print_json, session

if TYPE_CHECKING:
    from modelry.copying import Copied

WHOLE = "*"

Given = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        help="A version, or with --all a model, or '*' for every model.",
        autocompletion=complete_ref,
        show_default=False,
    ),
]
Target = Annotated[
    str, typer.Argument(metavar="URI", help="The registry to copy to.", show_default=False)
]
Whole = Annotated[
    bool, typer.Option("--all", help="Every version, with numbers, stages and aliases.")
]
NewName = Annotated[
    str | None, typer.Option("--as", metavar="NAME", help="What the model is called there.")
]
What = Annotated[
    str,
    typer.Argument(
        metavar="FILE|KIND", help="A file of `modelry export`, or mlflow, hf or gto.",
        show_default=False,
    ),
]  # fmt: skip
Place = Annotated[
    str | None,
    typer.Argument(
        metavar="[PLACE]",
        help="After mlflow an address, after hf a namespace or repository, after gto a folder.",
        show_default=False,
    ),
]
Only = Annotated[
    list[str] | None, typer.Option("--model", metavar="NAME", help="Only this; repeatable.")
]


def copy(  # noqa: PLR0913 - from where, to where, and how to say it
    ctx: typer.Context,
    *,
    ref: Given,
    uri: Target,
    whole: Whole = False,
    name: NewName = None,
    as_json: AsJson = False,
) -> None:
    """Copy a version, a model or everything to another registry, and say what was lost.

    Run again, it brings what is new and passes over what is there.
    """
    from modelry import wiring
    from modelry.cli.meter import Meter
    from modelry.copying import copy_models, copy_version, source_of

    here = session(ctx)
    if whole and name:
        msg = "--as names the copy of one version; a model that is copied whole keeps its name"
        raise typer.BadParameter(msg)
    with (
        here.registry() as registry, wiring.connect(uri) as target,
        Meter("rows", color=here.color) as meter,
    ):  # fmt: skip
        source = source_of(registry, wiring.address(here.uri))
        if whole:
            only = () if ref == WHOLE else (registry.model(ref).model.full_name,)
            report = copy_models(source, target, only=only, progress=meter)
        else:
            version = registry.resolve(ref)
            report = copy_version(source, version, target, name=name, progress=meter)
    _tell(here, report, f"copied to {wiring.address(uri)}", as_json=as_json)


def import_(
    ctx: typer.Context,
    *,
    what: What,
    place: Place = None,
    model: Only = None,
    as_json: AsJson = False,
) -> None:
    """Take in an export, or a whole registry of MLflow, the Hugging Face Hub or GTO, verified.

    It can be stopped at any time and run again: what is here is passed over.
    """
    here = session(ctx)
    if place is None:
        if not Path(what).is_file():
            msg = f"{what!r} is no file; or write `modelry import mlflow|hf|gto PLACE`"
            raise typer.BadParameter(msg)
        import_file(here, Path(what), as_json=as_json)
        return
    from modelry import wiring
    from modelry.cli.meter import Meter
    from modelry.copying import copy_models, source_of
    from modelry.copying.places import place_of

    uri, only = place_of(what, place)
    with (
        here.registry() as registry, wiring.connect(uri) as other,
        Meter("rows", color=here.color) as meter,
    ):  # fmt: skip
        wanted = only or tuple(model or ())
        report = copy_models(
            source_of(other, wiring.address(uri)), registry, only=wanted, progress=meter
        )
    _tell(here, report, f"imported from {wiring.address(uri)}", as_json=as_json)


def _tell(here: Session, report: Copied, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json({
            "models": report.models, "new": report.new, "there": report.there,
            "bytes": report.size, "versions": [each.ref for each in report.versions],
            "lost": [{"where": each.where, "what": each.what} for each in report.lost],
            "problems": [{"where": each.where, "what": each.what} for each in report.problems],
        })  # fmt: skip
    else:
        from modelry.cli.pages.copied import copied_page

        copied_page(here.sheet(), report, what)
    fail_on(here, report.problems, as_json=as_json)
