"""What the server says of itself to MLflow's clients, before they do anything."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from modelry.server.dialects.mlflow.doors import MlflowCall, json_answer, raw_door
from modelry.server.rules import Rule

VERSION = "3.17.2"
"""The version of MLflow whose protocol is spoken."""


async def _server_info(call: MlflowCall) -> Response:
    desk = call.desk
    link = await desk.threads.move(lambda: desk.world.blobs.link("0" * 64, "x", 1))
    return json_answer({
        "store_type": "SqlStore",
        "workspaces_enabled": False,
        "trace_archival_enabled": False,
        "multipart_uploads_enabled": False,
        "multipart_downloads_enabled": link is not None and desk.settings.redirects,
        "presigned_upload_run_id_supported": False,
        "presigned_upload_model_id_supported": False,
        "features_enabled": {"gateway": False},
    })  # fmt: skip


async def _version(call: MlflowCall) -> Response:
    del call
    return PlainTextResponse(VERSION)


async def _health(call: MlflowCall) -> Response:
    del call
    return PlainTextResponse("OK")


routes = [
    raw_door("GET", "/3.0/mlflow/server-info", _server_info, Rule.ANYONE),
    raw_door("GET", "/version", _version, Rule.ANYONE),
    raw_door("GET", "/health", _health, Rule.ANYONE),
]
