"""The abstract parts: `Register`, `Saver`, `Loader`, told apart by `KIND` (S0.5, S0.11).

Each is plain configuration: `KIND` and a few fields, nothing opened before it
is used, so that a file can choose one and a caller does not know which.
"""

from __future__ import annotations

import abc
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from modelry.registry.entities import ModelInfo, ModelVersion

PathInput = str | os.PathLike[str]


class _Part(abc.ABC, BaseModel):
    """A part of a configuration; a field that it does not know is refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    KIND: str


class Saver(_Part):
    """Keeps the files of a model where its kind of registry can register them from."""

    @abc.abstractmethod
    def save(self, path: PathInput) -> ModelInfo:
        """Save the file or folder at `path`. Raises `RegistryError`."""


class Register(_Part):
    """Makes versions of saved models. `tags` are set on every version."""

    tags: dict[str, str] = {}

    @abc.abstractmethod
    def register(self, name: str, model_uri: str) -> ModelVersion:
        """Register what is at `model_uri` as a new version of `name`. Raises `RegistryError`."""


class Loader(_Part):
    """Brings the files of a model to this machine."""

    @abc.abstractmethod
    def load(self, model_uri: str) -> Path:
        """Answer a local path, ready to load. Raises `RegistryError`."""
