"""The schema of the registry's database."""

from __future__ import annotations

import typer

from modelry.cli.arguments import AsJson
from modelry.cli.meter import Meter
from modelry.cli.session import fail_on, print_json, session

database = typer.Typer(help="Look at the database's schema, and upgrade it.", rich_markup_mode=None)


@database.command("upgrade")
def upgrade(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Bring the database to the schema of this Modelry; whole, or not at all."""
    from modelry import wiring

    here = session(ctx)
    schema = wiring.schema(here.uri)
    with Meter("chains", color=here.color) as meter:
        before = schema.upgrade(meter)
    if as_json:
        print_json({"before": before, "current": schema.head})
    elif before == schema.head:
        here.sheet().paragraph(f"the schema is {schema.head} already")
    elif before is None:
        here.sheet().paragraph(f"made a new database with the schema {schema.head}")
    else:
        here.sheet().paragraph(f"upgraded the schema from {before} to {schema.head}")


@database.command("current")
def current(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Tell which schema the database has, and which this Modelry works with."""
    from modelry import wiring

    here = session(ctx)
    schema = wiring.schema(here.uri)
    found = schema.current()
    if as_json:
        print_json({"current": found, "head": schema.head})
    elif found == schema.head:
        here.sheet().paragraph(f"the schema is {found}, which this Modelry works with")
    else:
        told = f"the schema is {found}" if found else "there is no database yet"
        here.sheet().paragraph(f"{told}; this Modelry works with {schema.head}")


@database.command("check")
def check(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Find where the tables are not what they should be."""
    from modelry import wiring
    from modelry.core.events import Problem

    here = session(ctx)
    schema = wiring.schema(here.uri)
    problems = [Problem("database", each) for each in schema.check()]
    if as_json:
        print_json({"ok": not problems, "problems": [each.what for each in problems]})
    elif not problems:
        here.sheet().paragraph(f"all good: the tables are those of the schema {schema.head}")
    fail_on(here, problems, as_json=as_json)
