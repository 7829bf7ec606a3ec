"""What counts here, and who says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from modelry.cli.arguments import AsJson
from modelry.cli.session import print_json, session

if TYPE_CHECKING:
    from modelry.cli.told import Told

config = typer.Typer(help="Look at the settings.", rich_markup_mode=None)


@config.command("show")
def show(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show every setting with its value, and who says so; secrets are hidden.

    The command line goes before the environment, that before the file that
    $MODELRY_CONFIG (or --config) names, that before modelry.toml in the home
    folder, and that before the defaults.
    """
    from modelry.cli.told import told_settings

    here = session(ctx)
    told = told_settings({} if here.uri is None else {"uri": here.uri})
    if as_json:
        print_json({"settings": [_document(each) for each in told]})
        return
    from modelry.cli.pages.lists import settings_table

    settings_table(here.sheet(), [(each.name, _text(each), _from(each)) for each in told])


def _document(told: Told) -> dict[str, object]:
    return {"name": told.name, "value": _open(told), "source": told.source, "place": told.place}


def _open(told: Told) -> object:
    """Answer a value without the password that an address may hold."""
    from modelry.infra.secrets import masked

    return masked(told.value) if isinstance(told.value, str) else told.value


def _text(told: Told) -> str:
    value = _open(told)
    return value if isinstance(value, str) else json.dumps(value)


def _from(told: Told) -> str:
    return f"{told.source} {told.place}".rstrip()
