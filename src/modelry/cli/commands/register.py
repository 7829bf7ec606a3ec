"""Registering a version."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelry.cli import values
from modelry.cli.arguments import AsJson, ModelName
from modelry.cli.completion import complete_ref
from modelry.cli.session import note, print_json, session

if TYPE_CHECKING:
    from modelry.core.repository import RegistryRepository

GivenPath = Annotated[
    Path, typer.Argument(metavar="PATH", help="The file or folder.", show_default=False)
]
Label = Annotated[
    str | None, typer.Option("--version", "-v", metavar="LABEL", help="A label, as 1.2.0.")
]
Metrics = Annotated[
    list[str] | None, typer.Option("--metric", metavar="K=NUMBER", help="May be repeated.")
]
Params = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="K=V", help="JSON where it is JSON, else text; repeatable."),
]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="K[=V]", help="May be repeated.")]
Datasets = Annotated[
    list[str] | None,
    typer.Option("--dataset", metavar="D", help="A name, path, name=sha256:... or name=uri."),
]
Description = Annotated[
    str | None, typer.Option("--description", metavar="TEXT", help="What it is.")
]
RunId = Annotated[str | None, typer.Option("--run-id", metavar="ID", help="The run that made it.")]
Base = Annotated[
    str | None,
    typer.Option("--base", metavar="REF", help="What it came from.", autocompletion=complete_ref),
]


def register(  # noqa: PLR0913 - a version has this many facts
    ctx: typer.Context,
    *,
    model: ModelName,
    path: GivenPath,
    version: Label = None,
    metric: Metrics = None,
    param: Params = None,
    tag: Tags = None,
    dataset: Datasets = None,
    description: Description = None,
    run_id: RunId = None,
    base: Base = None,
    as_json: AsJson = False,
) -> None:
    """Seal a file or folder as a new version of a model.

    The model comes to be if it is new. The same bytes under the same label
    again answer the version that is there.
    """
    from modelry.cli.meter import Meter

    metrics, params = values.metrics(metric or ()), values.params(param or ())
    tags, datasets = values.tags(tag or ()), values.datasets(dataset or ())
    here = session(ctx)
    with here.registry() as registry, Meter(color=here.color) as meter, notes():
        before = _last_number(registry, model) if version is not None else 0
        made = registry.register(
            model, path, version=version, metrics=metrics, params=params, tags=tags,
            datasets=datasets, description=description, run_id=run_id, base=base, progress=meter,
        )  # fmt: skip
    again = version is not None and made.number <= before
    if as_json:
        from modelry.cli.documents import version_document

        print_json({**version_document(made), "already_registered": again})
        return
    from modelry.cli.pages.card import registered_card

    registered_card(here.sheet(), made, again=again)


def _last_number(registry: RegistryRepository, model: str) -> int:
    """Answer the last number given out; what has it or a lower one was there before."""
    from modelry.core.errors import Invalid, NotFound

    try:
        return registry.model(model).model.last_number
    except (NotFound, Invalid):  # what is wrong with a name is for `register` to say
        return 0


@contextmanager
def notes() -> Iterator[None]:
    """Say as a note what the core warns of: metadata that is not kept."""
    from modelry.core.verbs.register import StoredTwice

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", StoredTwice)
        yield
    for each in caught:
        if issubclass(each.category, StoredTwice):
            note(f"note: {each.message}")
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
