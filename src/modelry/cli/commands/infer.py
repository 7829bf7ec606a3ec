"""The inference service."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelry.cli.completion import complete_ref
from modelry.cli.session import session

if TYPE_CHECKING:
    from modelry.settings import InferSettings


Named = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="The model; MODEL@STAGE or MODEL@ALIAS for another than production.",
        autocompletion=complete_ref,
    ),
]
Host = Annotated[str | None, typer.Option(help="The address to listen at.")]
Port = Annotated[int | None, typer.Option(help="The port; 0 takes a free one.")]
At = Annotated[
    str | None, typer.Option("--registry", metavar="URI", help="The registry; as --uri.")
]
Poll = Annotated[
    float | None, typer.Option("--poll", help="Seconds between two looks at the registry.")
]
Threads = Annotated[int | None, typer.Option(help="Threads that run the model.")]
MaxBody = Annotated[int | None, typer.Option(help="Bytes of the largest request.")]
Loader = Annotated[str | None, typer.Option(help="The loader, where several fit.")]
AllowCode = Annotated[
    list[str] | None,
    typer.Option(metavar="MODEL", help="A model whose files may run code when loaded."),
]
TrustType = Annotated[
    list[str] | None, typer.Option(metavar="TYPE", help="A type that skops files may hold.")
]
Factory = Annotated[
    str | None, typer.Option(metavar="MODULE:FUNCTION", help="Makes the torch module.")
]
Target = Annotated[
    str | None, typer.Option(help="Record what is served as deployments to this target.")
]
Check = Annotated[
    Path | None,
    typer.Option("--check", metavar="FILE", help="Answer this one request and end; - reads it."),
]


def infer(  # noqa: PLR0913 - what a service is told
    ctx: typer.Context,
    *,
    model: Named,
    host: Host = None,
    port: Port = None,
    registry: At = None,
    poll_seconds: Poll = None,
    threads: Threads = None,
    max_body: MaxBody = None,
    loader: Loader = None,
    allow_code: AllowCode = None,
    trust_type: TrustType = None,
    factory: Factory = None,
    target: Target = None,
    check: Check = None,
) -> None:
    """Serve what is in production of a model over HTTP, and follow its promotions."""
    given = {
        "host": host, "port": port, "poll_seconds": poll_seconds, "threads": threads,
        "max_body": max_body, "loader": loader, "allow_code": allow_code,
        "trusted_types": trust_type, "factory": factory, "target": target,
    }  # fmt: skip
    name, _, stage = model.partition("@")
    uri = registry or session(ctx).uri
    settings = _settings({key: value for key, value in given.items() if value is not None})
    if check is not None:
        _check(name, stage or "production", uri, settings, check)
        return
    try:
        from modelry.serving import process
    except ModuleNotFoundError as error:
        raise _without(error) from error
    process.infer(name, stage or "production", uri, settings)


def _settings(given: dict[str, object]) -> InferSettings:
    from modelry.settings import InferSettings

    return InferSettings(**given)  # type: ignore[arg-type]  # checked by pydantic


def _check(name: str, stage: str, uri: str | None, settings: InferSettings, request: Path) -> None:
    """Load the version, answer one request of the protocol on standard output, and end."""
    try:
        from modelry.serving import once
    except ModuleNotFoundError as error:
        raise _without(error) from error
    body = sys.stdin.buffer.read() if str(request) == "-" else request.read_bytes()
    answer = once.answer_once(name, stage, uri, settings, body)
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")


def _without(error: ModuleNotFoundError) -> Exception:
    from modelry.core.errors import Unsupported

    if str(error.name).startswith("modelry"):
        return error
    msg = f"inference needs {error.name}, which is missing here: pip install 'modelry[serving]'"
    return Unsupported(msg)
