"""MLflow's errors as ours, in one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mlflow.exceptions import MlflowException

from modelry.core.errors import (
    Conflict,
    Denied,
    Invalid,
    NotFound,
    RegistryError,
    Unauthenticated,
    Unavailable,
    Unsupported,
)

_KINDS: Mapping[str, type[RegistryError]] = {
    "BAD_REQUEST": Invalid,
    "ENDPOINT_NOT_FOUND": Unsupported,
    "FEATURE_DISABLED": Unsupported,
    "INVALID_PARAMETER_VALUE": Invalid,
    "INVALID_STATE": Conflict,
    "NOT_FOUND": NotFound,
    "NOT_IMPLEMENTED": Unsupported,
    "PERMISSION_DENIED": Denied,
    "RESOURCE_ALREADY_EXISTS": Conflict,
    "RESOURCE_CONFLICT": Conflict,
    "RESOURCE_DOES_NOT_EXIST": NotFound,
    "UNAUTHENTICATED": Unauthenticated,
}


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise what MLflow refuses as our error; `where` is the registry's address."""
    try:
        yield
    except MlflowException as error:
        kind = _KINDS.get(str(error.error_code), Unavailable)
        msg = f"the MLflow registry {where} answers: {str(error.message).splitlines()[0][:500]}"
        raise kind(msg, registry=where, error_code=str(error.error_code)) from error
    except OSError as error:  # artefacts on a disk, and connections that requests gives up on
        msg = f"the files of the MLflow registry {where} cannot be reached: {error}"
        raise Unavailable(msg, registry=where) from error
