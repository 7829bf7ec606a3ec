"""From a version to a model in memory: which loader, and what to do where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from modelry import plugins
from modelry.core.errors import Denied, RegistryError, Unsupported
from modelry.core.model import Version
from modelry.serving.refusals import Unfit
from modelry.serving.runners import Choices, Loader, Runner


def load(path: Path, version: Version, choices: Choices) -> Runner:
    """Load a version whose files lie at `path`.

    Raises `Unsupported` where no loader knows its format, `Denied` where
    loading would run code that nobody allowed, `Unfit` where it is broken.
    """
    loader = _chosen(version, choices)
    try:
        return loader.load(path, version, choices)
    except RegistryError:
        raise
    except ModuleNotFoundError as error:
        msg = f"loading {version.ref} by {loader.name} needs {error.name}, which is missing here"
        raise Unsupported(msg, package=error.name) from error
    except Exception as error:
        msg = f"{version.ref} does not load by {loader.name}: {first_line(error)}"
        raise Unfit(msg, ref=version.ref) from error


def _chosen(version: Version, choices: Choices) -> Loader:
    if choices.loader is not None:
        return cast("Loader", plugins.load("loaders", choices.loader)())
    loaders = [cast("Loader", make()) for make in plugins.load_all("loaders")]
    claiming = [loader for loader in loaders if loader.claims(version)]
    if len(claiming) == 1:
        return claiming[0]
    if claiming:
        names = ", ".join(loader.name for loader in claiming)
        msg = f"{version.ref} can be loaded by {names}; choose one with --loader"
        raise Unsupported(msg, ref=version.ref)
    found = version.findings.format if version.findings else "no format that is known"
    names = ", ".join(loader.name for loader in loaders)
    msg = (
        f"no installed loader takes {version.ref} ({found}); there are: {names}. Save the model "
        "as ONNX, or install a package that brings a loader (modelry.loaders)"
    )
    raise Unsupported(msg, ref=version.ref)


def allowed(version: Version, choices: Choices, what: str) -> None:
    """Raise `Denied` where loading runs code and the operator did not name this model."""
    if version.full_name in choices.allow_code:
        return
    msg = (
        f"{version.ref} is {what}: loading it runs code that it carries. If you trust whoever "
        f"registers {version.full_name}, allow it by name: --allow-code {version.full_name}"
    )
    raise Denied(msg, ref=version.ref)


def format_of(version: Version) -> str:
    """Answer the format that the registry found, empty where it found none."""
    return version.findings.format if version.findings else ""


def file_of(path: Path, version: Version, *endings: str) -> Path:
    """Answer the one file of a version with such an ending. Raises `Unfit` for none or several."""
    if version.kind == "file":
        return path
    found = [file.path for file in version.files if file.path.lower().endswith(endings)]
    if len(found) == 1:
        return path / found[0]
    which = ", ".join(sorted(found)[:5]) or "none"
    msg = f"{version.ref} must hold one file that ends in {' or '.join(endings)}; it has: {which}"
    raise Unfit(msg, ref=version.ref)


def first_line(error: BaseException) -> str:
    """Answer what an error says in one bounded line."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]
