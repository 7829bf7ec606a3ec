"""MLflow as a service: where runs go, and runs around the work (S1.2 to S1.4, S1.8 to S1.10)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelry.core.errors import Invalid, Unavailable
from modelry.infra.secrets import Secret, masked, needs, substituted
from modelry.infra.service import Service

if TYPE_CHECKING:
    from mlflow import ActiveRun
    from mlflow.tracking import MlflowClient

_S3 = {
    "s3_endpoint_url": "MLFLOW_S3_ENDPOINT_URL",
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
    "aws_region": "AWS_DEFAULT_REGION",
}


@dataclass(frozen=True)
class RunConfig:
    """A run that is to be: its name, its tags, and what is logged of it.

    `params` are logged when the run begins, `metrics` when the work is done.
    """

    name: str | None = None
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    nested: bool = False
    log_system_metrics: bool | None = None


@dataclass
class MlflowService(Service):
    """Sets MLflow up for a process, and undoes it.

    What is not given comes from the environment: `MLFLOW_TRACKING_URI`,
    `MLFLOW_REGISTRY_URI` (else the tracking URI), `MLFLOW_EXPERIMENT_NAME`
    (else `Default`). The S3 values are put into the environment for the
    artefact store; `${NAME}` in any value is the environment's. Neither a
    `repr` nor an error shows a secret. Works with an MLflow server and with ours.
    """

    tracking_uri: str | None = field(default=None, repr=False)
    registry_uri: str | None = field(default=None, repr=False)
    experiment_name: str | None = None
    s3_endpoint_url: str | None = field(default=None, repr=False)
    aws_access_key_id: str | None = field(default=None, repr=False)
    aws_secret_access_key: str | None = field(default=None, repr=False)
    aws_session_token: str | None = field(default=None, repr=False)
    aws_region: str | None = None
    _undo: contextlib.ExitStack | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Read what is not given from the environment."""
        env = os.environ
        self.tracking_uri = self.tracking_uri or env.get("MLFLOW_TRACKING_URI") or None
        registry = self.registry_uri or env.get("MLFLOW_REGISTRY_URI")
        self.registry_uri = registry or self.tracking_uri
        experiment = self.experiment_name or env.get("MLFLOW_EXPERIMENT_NAME")
        self.experiment_name = experiment or "Default"

    def __repr__(self) -> str:
        """Show where runs go, without what opens it."""
        places = (
            f"{masked(self.tracking_uri or 'nowhere')}, {masked(self.registry_uri or 'nowhere')}"
        )
        return f"<MlflowService {places}, experiment {self.experiment_name!r}>"

    def start(self) -> None:
        """Set tracking URI, registry URI, experiment and S3 environment, in this order.

        Raises `Invalid` where nothing says which server, `Unavailable` where
        it does not answer; nothing is left changed then.
        """
        if self._undo is not None:
            return
        tracking, registry = self._uri(self.tracking_uri), self._uri(self.registry_uri)
        environment = self._s3()
        mlflow = _mlflow()
        with contextlib.ExitStack() as stack, _told("MLflow cannot be set up"):
            stack.callback(mlflow.set_tracking_uri, mlflow.get_tracking_uri())
            mlflow.set_tracking_uri(tracking)
            stack.callback(mlflow.set_registry_uri, "")
            mlflow.set_registry_uri(registry)
            mlflow.set_experiment(self.experiment_name)
            stack.callback(_restore, {name: os.environ.get(name) for name in environment})
            os.environ.update(environment)
            self._undo = stack.pop_all()

    def stop(self) -> None:
        """Put URIs and environment back."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo.close()

    @contextlib.contextmanager
    def run_context(self, run_config: RunConfig | Mapping[str, Any]) -> Iterator[ActiveRun]:
        """Wrap work in a run: parameters are logged before it, metrics after it.

        A run whose work raises ends as failed, and what it raised goes on.
        """
        config = run_config if isinstance(run_config, RunConfig) else _config(run_config)
        mlflow = _mlflow()
        with _told("the run cannot begin"):
            run = mlflow.start_run(
                run_name=config.name, tags=dict(config.tags) or None, nested=config.nested,
                description=config.description, log_system_metrics=config.log_system_metrics,
            )  # fmt: skip
        with run as active:
            if config.params:
                with _told("the parameters cannot be logged"):
                    mlflow.log_params({name: _open(each) for name, each in config.params.items()})
            yield active
            if config.metrics:
                with _told("the metrics cannot be logged"):
                    mlflow.log_metrics(dict(config.metrics))

    def client(self) -> MlflowClient:
        """Answer MLflow's own client of these URIs."""
        _mlflow()
        from mlflow.tracking import MlflowClient

        return MlflowClient(self._uri(self.tracking_uri), self._uri(self.registry_uri))

    def _uri(self, uri: str | None) -> str:
        if uri is None:
            msg = "nothing says where the tracking server is; set MLFLOW_TRACKING_URI"
            raise Invalid(msg)
        return str(substituted(uri, "the tracking server's address"))

    def _s3(self) -> dict[str, str]:
        given = {env: getattr(self, name) for name, env in _S3.items()}
        return {
            env: str(substituted(value, env)) for env, value in given.items() if value is not None
        }


def _open(value: object) -> object:
    """Answer a parameter as it is logged: a secret shows itself to nobody."""
    return repr(value)[1:-1] if isinstance(value, Secret) else value


def _config(given: Mapping[str, Any]) -> RunConfig:
    unknown = sorted(set(given) - set(RunConfig.__dataclass_fields__))
    if unknown:
        known = ", ".join(RunConfig.__dataclass_fields__)
        msg = f"a run has no {unknown[0]!r}; it has {known}"
        raise Invalid(msg, field=unknown[0])
    return RunConfig(**given)


def _mlflow() -> Any:  # noqa: ANN401 - its module, which has no types worth following
    try:
        import mlflow
    except ModuleNotFoundError as error:
        raise needs(error) from error
    return mlflow


def _restore(before: Mapping[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """Say in our words what MLflow raised, without the secrets that its own words may hold."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:
        msg = f"{what}: {masked(str(error))}"
        raise Unavailable(msg) from None  # the cause would show addresses as they are
