"""Modelry: the model registry that every tool already speaks to.

import modelry
registry = modelry.connect()
registry.register("credit-risk", "model.onnx", version="1.0.0", metrics={"auc": 0.91})
registry.promote("credit-risk:1.0.0", "production")
path = registry.use("credit-risk@production")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from modelry.core.errors import RegistryError
    from modelry.core.model import Version
    from modelry.core.registry import Registry
    from modelry.core.repository import RegistryRepository

__all__ = [
    "Registry",
    "RegistryError",
    "RegistryRepository",
    "Version",
    "connect",
    "get_model",
    "log_model",
    "register_model",
    "use_model",
]
__version__ = "0.1.0"

_LAZY = {
    "Registry": "modelry.core.registry",
    "RegistryError": "modelry.core.errors",
    "RegistryRepository": "modelry.core.repository",
    "Version": "modelry.core.model",
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for: `import modelry` stays cheap."""
    if name not in _LAZY:
        msg = f"module 'modelry' has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)


def connect(uri: str | None = None) -> RegistryRepository:
    """Open a registry: the one at `uri`, at `$MODELRY_URI`, or the embedded one at home.

    `http://host:8000` is a server, `postgresql://...` that database,
    `sqlite:///path.db` an embedded registry in that file, its blobs beside it;
    `memory:` keeps its records in this process only. Without either the
    registry is in `$MODELRY_HOME`, by default `~/.modelry`, and is made when
    it is first used.
    """
    from modelry import wiring

    return wiring.connect(uri)


def log_model(
    path: str | os.PathLike[str],
    registered_model_name: str,
    version: str | None = None,
    tags: Mapping[str, object] | Iterable[str] | None = None,
    description: str | None = None,
) -> str:
    """Register the file or folder at `path` and answer its URI, `models:/name/number`."""
    with connect() as registry:
        return registry.register(
            registered_model_name, path, version=version, tags=tags, description=description
        ).model_uri


def use_model(name: str, stage: str | None = None, version: str | None = None) -> str:
    """Bring a model to a local path that is ready to load, and answer the path.

    With neither stage nor version: the one in production, else the latest.
    """
    with connect() as registry:
        return str(registry.use(_ref(name, stage, version)))


def register_model(
    name: str,
    version: str | int | None,
    path: str | os.PathLike[str],
    metrics: Mapping[str, object] | None = None,
) -> Version:
    """Register the file or folder at `path` with its metrics and print that it is done."""
    with connect() as registry:
        registered = registry.register(name, path, version=version, metrics=metrics)
    print(f"Model {name} v{registered.version} registered successfully")  # noqa: T201 - it is promised
    return registered


def get_model(name: str, version: str | int | None = None) -> Version:
    """Answer a version of a model: by number or label, else production, else the latest."""
    with connect() as registry:
        return registry.resolve(_ref(name, None, version))


def _ref(name: str, stage: str | None, version: str | int | None) -> str:
    if stage is not None and version is not None:
        from modelry.core.errors import Invalid

        msg = f"{name}: give a stage or a version, not both"
        raise Invalid(msg, stage=stage, version=version)
    if stage is not None:
        return f"{name}@{stage}"
    return name if version is None else f"{name}:{version}"
