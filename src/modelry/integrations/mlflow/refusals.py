"""Our refusals as MLflow's: one table, and the same words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_pb2 as codes

from modelry.core.errors import (
    Conflict,
    Corrupt,
    Denied,
    Invalid,
    NotFound,
    RegistryError,
    Unauthenticated,
    Unavailable,
    Unsupported,
)

CODES: dict[type[RegistryError], int] = {
    NotFound: codes.RESOURCE_DOES_NOT_EXIST,
    Conflict: codes.RESOURCE_CONFLICT,
    Invalid: codes.INVALID_PARAMETER_VALUE,
    Denied: codes.PERMISSION_DENIED,
    Unauthenticated: codes.UNAUTHENTICATED,
    Unsupported: codes.NOT_IMPLEMENTED,
    Unavailable: codes.TEMPORARILY_UNAVAILABLE,
    Corrupt: codes.DATA_LOSS,
}


@contextmanager
def told() -> Iterator[None]:
    """Raise what is refused inside as MLflow's own exception."""
    try:
        yield
    except RegistryError as error:
        raise MlflowException(error.message, CODES[type(error)]) from error


def refusal(message: str, code: int) -> MlflowException:
    """Answer a refusal of MLflow's own, in its words."""
    return MlflowException(message, code)
