"""The parts over the Hugging Face Hub, or the server of `HF_ENDPOINT`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from modelry.registry.entities import ModelInfo, ModelVersion
from modelry.registry.parts import Loader, PathInput, Register, Saver
from modelry.registry.places import files_at
from modelry.registry.repository import entity


class HuggingFaceSaver(Saver):
    """Commits the files to the branch `saved` of `repo`, `NAMESPACE/NAME`; `main` stays."""

    KIND: Literal["HuggingFaceSaver"] = "HuggingFaceSaver"
    repo: str

    def save(self, path: PathInput) -> ModelInfo:
        """Commit the file or folder at `path`; the URI names the commit."""
        from modelry.remotes.huggingface import saving

        commit = saving.save(self.repo, Path(path))
        return ModelInfo(f"hf://{self.repo}@{commit}", "")


class HuggingFaceRegister(Register):
    """Registers a model of `namespace`: a commit with `modelry.json`, and the tag `v<number>`."""

    KIND: Literal["HuggingFaceRegister"] = "HuggingFaceRegister"
    namespace: str

    def register(self, name: str, model_uri: str) -> ModelVersion:
        """Register what is at `model_uri` at the Hub."""
        from modelry import wiring

        with wiring.connect(f"hf://{self.namespace}") as registry:
            made = registry.register(name, files_at(model_uri, registry), tags=self.tags)
        return entity(made, f"hf://{self.namespace}/{name}@v{made.number}")


class HuggingFaceLoader(Loader):
    """Brings files from the Hub."""

    KIND: Literal["HuggingFaceLoader"] = "HuggingFaceLoader"

    def load(self, model_uri: str) -> Path:
        """Bring the files of `hf://NAMESPACE/NAME@REVISION`: a tag, a stage, a branch, a commit."""
        return files_at(model_uri)
