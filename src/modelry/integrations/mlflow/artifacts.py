"""The files of sealed versions, for MLflow: fetched in parallel, verified, never written to."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mlflow.entities.file_info import FileInfo
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.utils.file_utils import create_tmp_dir

from modelry.integrations.mlflow.address import files_of
from modelry.integrations.mlflow.refusals import refusal, told

if TYPE_CHECKING:
    from modelry.core.model import Version


class ModelryArtifacts(ArtifactRepository):
    """The files under `modelry://[host]/project/model:3`."""

    def __init__(
        self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
    ) -> None:
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        with told():
            self._files = files_of(artifact_uri)

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """List the files and folders right below `path`; sizes in bytes. A file lists nothing."""
        with told():
            version = self._files.place.open().resolve(self._files.ref)
        folder = self._within(path)
        prefix = f"{folder}/" if folder else ""
        found: dict[str, FileInfo] = {}
        for file in version.files:
            if file.path.startswith(prefix):
                first, below, _ = file.path[len(prefix) :].partition("/")
                shown = f"{path.strip('/')}/{first}" if path else first
                found[shown] = FileInfo(shown, bool(below), None if below else file.size)
        return [found[shown] for shown in sorted(found)]

    def download_artifacts(self, artifact_path: str, dst_path: str | None = None) -> str:
        """Bring a file or folder to `dst_path`, by default to a folder of its own; answer where."""
        target = Path(dst_path or create_tmp_dir())
        path = self._within(artifact_path)
        with told():
            registry = self._files.place.open()
            if not path and not any(target.iterdir()):
                registry.use(self._files.ref, to=target)
                return str(target)
            source = _folder(registry.resolve(self._files.ref), registry.use(self._files.ref))
        place = target / artifact_path.strip("/")
        self._copy(source / path, place)
        return str(place)

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        with told():
            registry = self._files.place.open()
            source = _folder(registry.resolve(self._files.ref), registry.use(self._files.ref))
        self._copy(source / self._within(remote_file_path), Path(local_path))

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> NoReturn:
        """Refuse: a version is sealed."""
        del local_file, artifact_path
        raise self._sealed()

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> NoReturn:
        """Refuse: a version is sealed."""
        del local_dir, artifact_path
        raise self._sealed()

    def delete_artifacts(self, artifact_path: str | None = None) -> NoReturn:
        """Refuse: a version is sealed."""
        del artifact_path
        raise self._sealed()

    def _sealed(self) -> Exception:
        msg = f"{self._files.ref} is sealed: nothing in it changes; register a new version"
        return refusal(msg, INVALID_PARAMETER_VALUE)

    def _within(self, path: str | None) -> str:
        """Answer a path within the version. Raises `MlflowException` for one that leaves it."""
        parts = [part for part in f"{self._files.path}/{path or ''}".split("/") if part]
        if ".." in parts:
            msg = f"{path!r} leaves the version; name a path inside it"
            raise refusal(msg, INVALID_PARAMETER_VALUE)
        return "/".join(parts)

    def _copy(self, source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
            return
        if not source.is_file():
            msg = f"No such artifact: {source.name!r} in {self._files.ref}"
            raise refusal(msg, RESOURCE_DOES_NOT_EXIST)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _folder(version: Version, used: Path) -> Path:
    """Answer the folder that `use` made, also where it answered the one file in it."""
    return used.parent if version.kind == "file" else used
