"""An MLflow registry behind our verbs, by MLflow's own client."""

from modelry.remotes.mlflow.opening import open_mlflow

__all__ = ["open_mlflow"]
