"""The parts over a registry of Modelry: embedded, or a server."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from modelry.registry.entities import ModelInfo, ModelVersion
from modelry.registry.parts import Loader, PathInput, Register, Saver
from modelry.registry.places import files_at, run_of
from modelry.registry.repository import entity


class ModelrySaver(Saver):
    """Keeps a copy in the home folder until it is registered; the same files once."""

    KIND: Literal["ModelrySaver"] = "ModelrySaver"

    def save(self, path: PathInput) -> ModelInfo:
        """Copy the file or folder at `path`, verified."""
        from modelry.remotes.landing import keep
        from modelry.settings import Settings

        return ModelInfo(keep(Path(path), Settings().home.expanduser()).as_uri(), "")


class ModelryRegister(Register):
    """Registers at `uri`, by default the registry that `modelry.connect()` opens."""

    KIND: Literal["ModelryRegister"] = "ModelryRegister"
    uri: str | None = None

    def register(self, name: str, model_uri: str) -> ModelVersion:
        """Seal what is at `model_uri` as a new version."""
        from modelry import wiring

        with wiring.connect(self.uri) as registry:
            path = files_at(model_uri, registry)
            made = registry.register(name, path, tags=self.tags, run_id=run_of(model_uri))
        return entity(made)


class ModelryLoader(Loader):
    """Loads from `uri`, by default the registry that `modelry.connect()` opens."""

    KIND: Literal["ModelryLoader"] = "ModelryLoader"
    uri: str | None = None

    def load(self, model_uri: str) -> Path:
        """Bring the files of `models:/name/version`, verified."""
        from modelry import wiring

        with wiring.connect(self.uri) as registry:
            return files_at(model_uri, registry)
