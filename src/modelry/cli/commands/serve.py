"""The server."""

from __future__ import annotations

from typing import Annotated

import typer

from modelry.cli.session import session


def serve(  # noqa: PLR0913 - what a server is told
    ctx: typer.Context,
    *,
    host: Annotated[str | None, typer.Option(help="The address to listen at.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that answer.")] = None,
    uri: Annotated[
        str | None, typer.Option("--uri", metavar="URI", help="The database to serve.")
    ] = None,
    blobs: Annotated[
        str | None, typer.Option(metavar="URI", help="Where blobs are: file:///..., s3://...")
    ] = None,
) -> None:
    """Serve a registry over HTTP; the first start makes an admin token and shows it once."""
    try:
        from modelry.server import process
    except ModuleNotFoundError as error:
        if str(error.name).startswith("modelry"):
            raise
        from modelry.core.errors import Unsupported

        msg = f"serving needs {error.name}, which is missing here: pip install 'modelry[server]'"
        raise Unsupported(msg) from error

    chosen = uri or session(ctx).uri
    given = {"host": host, "port": port, "workers": workers, "uri": chosen, "blobs": blobs}
    process.serve({name: str(value) for name, value in given.items() if value is not None})
