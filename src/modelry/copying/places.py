"""What people write after `modelry import`: a kind of registry, and where it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from modelry.core.errors import Invalid

Place = tuple[str, tuple[str, ...]]
"""An address that `connect` takes, and the models that are wanted; none means all."""


def _mlflow(text: str) -> Place:
    if text.lower().startswith("mlflow"):
        return text, ()
    return (f"mlflow+{text}" if text.lower().startswith("http") else f"mlflow:{text}"), ()


def _hub(text: str) -> Place:
    namespace, _, name = text.removeprefix("hf://").strip("/").partition("/")
    return f"hf://{namespace}", (name,) if name else ()


def _gto(text: str) -> Place:
    return f"gto:{Path(text.removeprefix('gto:')).expanduser().absolute()}", ()


KINDS: Mapping[str, Callable[[str], Place]] = {"mlflow": _mlflow, "hf": _hub, "gto": _gto}


def place_of(kind: str, text: str) -> Place:
    """Answer the address of a registry of another maker. Raises `Invalid`."""
    if kind not in KINDS:
        msg = f"there is no import from {kind!r}; write one of {', '.join(sorted(KINDS))}"
        raise Invalid(msg, kind=kind)
    return KINDS[kind](text)
