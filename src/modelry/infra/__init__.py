"""What an application around a registry needs: logs, alerts, tracking, configuration files.

Each service has `start` and `stop`, and is a context. What it needs beyond
Modelry (the extra `infra`, and `mlflow`) is imported when it starts. The core
knows nothing of this room; this room knows nothing but the core.
"""

from modelry.infra.alerts import AlertsService
from modelry.infra.config import Config, merge_configs, parse_file, parse_string, to_object
from modelry.infra.logger import LoggerService
from modelry.infra.mlflow import MlflowService, RunConfig
from modelry.infra.secrets import Secret
from modelry.infra.service import Service

__all__ = [
    "AlertsService",
    "Config",
    "LoggerService",
    "MlflowService",
    "RunConfig",
    "Secret",
    "Service",
    "merge_configs",
    "parse_file",
    "parse_string",
    "to_object",
]
