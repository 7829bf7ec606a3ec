"""From a model URI to files on this machine."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from modelry.core.errors import Invalid
from modelry.core.repository import RegistryRepository

HUB = "hf://"


def files_at(model_uri: str, registry: RegistryRepository | None = None) -> Path:
    """Answer the files that a URI names: a path, `file:`, `models:/` in `registry`, `hf://`.

    Anything else, as `runs:/ID/model` and `s3://...`, MLflow is asked for.
    """
    scheme = urlsplit(model_uri).scheme.lower()
    if scheme == "file":
        return Path(unquote(urlsplit(model_uri).path))
    if len(scheme) <= 1:  # no scheme, or the letter of a drive
        return Path(model_uri)
    if scheme == "models" and registry is not None:
        return registry.use(model_uri)
    if model_uri.startswith(HUB):
        return _at_hub(model_uri)
    return from_mlflow(model_uri)


def run_of(model_uri: str) -> str | None:
    """Answer the run of `runs:/ID/...`, None for any other URI."""
    return model_uri.removeprefix("runs:/").partition("/")[0] if model_uri.startswith(
        "runs:/") else None  # fmt: skip


def from_mlflow(model_uri: str) -> Path:
    """Have MLflow bring files, with the addresses that MLflow is set to."""
    import mlflow

    from modelry.remotes.mlflow.refusals import translated

    with translated(str(mlflow.get_tracking_uri())):
        return Path(mlflow.artifacts.download_artifacts(model_uri))


def hub_parts(model_uri: str) -> tuple[str, str, str]:
    """Split `hf://NAMESPACE/NAME@REVISION`. Raises `Invalid`."""
    where, _, revision = model_uri.removeprefix(HUB).partition("@")
    namespace, _, name = where.partition("/")
    if not model_uri.startswith(HUB) or not namespace or not name or "/" in name:
        msg = f"{model_uri!r} names no model of the Hub; write hf://NAMESPACE/NAME@REVISION"
        raise Invalid(msg, model_uri=model_uri)
    return namespace, name, revision or "main"


def _at_hub(model_uri: str) -> Path:
    from modelry.remotes.huggingface import saving
    from modelry.settings import Settings

    return saving.fetch(*hub_parts(model_uri), Settings().home.expanduser())
