"""Opening an MLflow registry: `mlflow+https://host`, or `mlflow:sqlite:///path.db` directly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modelry.core.errors import Invalid

if TYPE_CHECKING:
    from modelry.remotes.mlflow.registry import MlflowRegistry


def open_mlflow(uri: str, *, home: Path, token: str | None = None) -> MlflowRegistry:
    """Open the registry at `uri`; nothing is asked before the first verb.

    Who one is there, MLflow's client takes from its own variables
    (`MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and `..._PASSWORD`);
    `token` is for modelry servers and is not sent. Raises `Invalid` for an
    address with a secret in it.
    """
    del token
    from modelry.remotes.mlflow.registry import MlflowRegistry
    from modelry.remotes.mlflow.store import Tracking

    address = tracking_uri(uri)
    return MlflowRegistry(uri, home, Tracking(address))


def tracking_uri(uri: str) -> str:
    """Answer the address as MLflow has it."""
    address = uri.partition("+" if uri.lower().startswith("mlflow+") else ":")[2]
    parts = urlsplit(address)
    if not parts.scheme or not (parts.netloc or parts.path.strip("/")):
        msg = "an MLflow registry is at mlflow+https://host, or mlflow:sqlite:///path.db directly"
        raise Invalid(msg, field="uri")
    if parts.scheme in {"http", "https"} and (parts.password or parts.username):
        msg = (
            "the address of an MLflow server holds no user or password; set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
        raise Invalid(msg, field="uri")
    return address
