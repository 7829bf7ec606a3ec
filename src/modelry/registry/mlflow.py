"""The parts over MLflow, with the addresses that MLflow is set to (S0.6, S0.7).

Those are `MLFLOW_TRACKING_URI` and `MLFLOW_REGISTRY_URI`, or what
`modelry.infra.MlflowService` set.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from modelry.core.errors import NotFound
from modelry.registry.entities import ModelInfo, ModelVersion
from modelry.registry.parts import Loader, PathInput, Register, Saver
from modelry.registry.places import from_mlflow


class MlflowSaver(Saver):
    """Logs the files as a logged model of the active run, or of a run of their own."""

    KIND: Literal["MlflowSaver"] = "MlflowSaver"
    path: str = "model"

    def save(self, path: PathInput) -> ModelInfo:
        """Log the file or folder at `path` as the logged model that `self.path` names."""
        import mlflow

        from modelry.remotes.mlflow.refusals import translated

        given = Path(path)
        if not given.exists():
            msg = f"there is no file or folder at {str(given)!r}; check the path"
            raise NotFound(msg, path=str(given))
        with translated(str(mlflow.get_tracking_uri())):
            run = mlflow.active_run()
            if run is not None:
                return self._log(given, run.info.run_id, run.info.experiment_id)
            with mlflow.start_run() as own:
                return self._log(given, own.info.run_id, own.info.experiment_id)

    def _log(self, given: Path, run_id: str, experiment_id: str) -> ModelInfo:
        from mlflow import MlflowClient

        client = MlflowClient()
        made = client.create_logged_model(experiment_id, self.path, run_id)
        if given.is_file():
            client.log_model_artifact(made.model_id, str(given))
        else:
            client.log_model_artifacts(made.model_id, str(given))
        client.finalize_logged_model(made.model_id, "READY")
        return ModelInfo(f"models:/{made.model_id}", run_id)


class MlflowRegister(Register):
    """Registers through `mlflow.register_model(model_uri, name, tags=tags)`."""

    KIND: Literal["MlflowRegister"] = "MlflowRegister"

    def register(self, name: str, model_uri: str) -> ModelVersion:
        """Register what is at `model_uri` at MLflow."""
        import mlflow

        from modelry.remotes.mlflow.refusals import translated

        with translated(str(mlflow.get_registry_uri())):
            made = mlflow.register_model(model_uri, name, tags=dict(self.tags))
        stage = made.current_stage or "None"
        return ModelVersion(
            made.name, str(made.version), f"models:/{made.name}/{made.version}", stage
        )


class MlflowLoader(Loader):
    """Brings files through MLflow."""

    KIND: Literal["MlflowLoader"] = "MlflowLoader"

    def load(self, model_uri: str) -> Path:
        """Bring the files of `models:/name/version`, `models:/name@alias`, `runs:/ID/path`."""
        return from_mlflow(model_uri)
