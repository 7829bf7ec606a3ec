"""All commands at a glance, and the options that hold for each of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from modelry.cli.commands import (
    accounts,
    aliases,
    archives,
    audit,
    cached,
    configuration,
    copying,
    database,
    deployments,
    files,
    history,
    infer,
    log,
    members,
    models,
    projects,
    publishers,
    recommending,
    register,
    removal,
    run,
    serve,
    signin,
    stages,
    tags,
    tokens,
)
from modelry.cli.group import Root
from modelry.cli.session import Session

app = typer.Typer(
    cls=Root,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog="A version is named model:3, model:1.2.0, model@production, model@alias, "
    "model@latest or model@sha256:...; [project/]model names a model. "
    "Exit codes: 0 done, 1 refused or failed, 2 wrong usage.",
)

_COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Versions": {
        "register": register.register, "use": files.use, "show": models.show,
        "models": models.models, "versions": models.versions, "search": models.search,
        "compare": history.compare, "recommend": recommending.recommend,
        "history": history.history, "tag": tags.tag, "describe": tags.describe,
    },
    "Stages": {
        "promote": stages.promote, "rollback": stages.rollback, "archive": stages.archive,
        "alias": aliases.alias,
    },
    "Deployments": {"deploy": deployments.deploy, "deployments": deployments.deployments},
    "Keeping in order": {
        "verify": files.verify, "delete": removal.delete, "purge": removal.purge,
        "gc": removal.gc, "log": log.log,
    },
    "Carrying elsewhere": {
        "backup": archives.backup, "restore": archives.restore, "export": archives.export,
        "import": copying.import_, "copy": copying.copy,
    },
    "Pipelines": {"run": run.run},
    "Serving": {"serve": serve.serve, "infer": infer.infer},
    "Coming in": {
        "login": signin.login, "logout": signin.logout, "whoami": signin.whoami,
    },
}  # fmt: skip

for _section, _verbs in _COMMANDS.items():
    for _name, _verb in _verbs.items():
        app.command(_name, rich_help_panel=_section)(_verb)
app.add_typer(stages.stages, name="stages", rich_help_panel="Stages")
app.add_typer(projects.project, name="project", rich_help_panel="Keeping in order")
app.add_typer(database.database, name="db", rich_help_panel="Keeping in order")
app.add_typer(audit.audit, name="audit", rich_help_panel="Keeping in order")
app.add_typer(cached.cache, name="cache", rich_help_panel="Keeping in order")
app.add_typer(configuration.config, name="config", rich_help_panel="Keeping in order")
app.add_typer(accounts.account, name="account", rich_help_panel="Coming in")
app.add_typer(members.member, name="member", rich_help_panel="Coming in")
app.add_typer(tokens.token, name="token", rich_help_panel="Coming in")
app.add_typer(publishers.publisher, name="publisher", rich_help_panel="Coming in")


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - Typer's callback has one argument
    if wanted:
        from modelry import __version__

        typer.echo(f"modelry {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    *,
    uri: Annotated[
        str | None,
        typer.Option(
            "--uri",
            metavar="URI",
            help="The registry: sqlite:///path.db, https://host; else $MODELRY_URI.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="A file of settings; else $MODELRY_CONFIG."),
    ] = None,
    no_color: Annotated[
        bool, typer.Option("--no-color", help="No colour; also $NO_COLOR.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Modelry: register models once, use them everywhere."""
    del version
    if config is not None:
        os.environ["MODELRY_CONFIG"] = str(config)  # the processes that this one starts read it too
    ctx.obj = Session(uri=uri, color=not (no_color or os.environ.get("NO_COLOR")))
