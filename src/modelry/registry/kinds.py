"""The parts that a configuration chooses by `KIND`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar

from pydantic import Discriminator, TypeAdapter, ValidationError

from modelry.core.errors import Invalid
from modelry.registry.hub import HuggingFaceLoader, HuggingFaceRegister, HuggingFaceSaver
from modelry.registry.mlflow import MlflowLoader, MlflowRegister, MlflowSaver
from modelry.registry.ours import ModelryLoader, ModelryRegister, ModelrySaver
from modelry.registry.parts import Loader, Register, Saver

T = TypeVar("T")

RegisterKind = Annotated[
    MlflowRegister | HuggingFaceRegister | ModelryRegister, Discriminator("KIND")
]
SaverKind = Annotated[MlflowSaver | HuggingFaceSaver | ModelrySaver, Discriminator("KIND")]
LoaderKind = Annotated[MlflowLoader | HuggingFaceLoader | ModelryLoader, Discriminator("KIND")]

_REGISTERS: TypeAdapter[RegisterKind] = TypeAdapter(RegisterKind)
_SAVERS: TypeAdapter[SaverKind] = TypeAdapter(SaverKind)
_LOADERS: TypeAdapter[LoaderKind] = TypeAdapter(LoaderKind)


def register_of(configuration: Mapping[str, object]) -> Register:
    """Answer the `Register` of a configuration. Raises `Invalid` naming the field."""
    return _chosen(_REGISTERS, configuration)


def saver_of(configuration: Mapping[str, object]) -> Saver:
    """Answer the `Saver` of a configuration. Raises `Invalid` naming the field."""
    return _chosen(_SAVERS, configuration)


def loader_of(configuration: Mapping[str, object]) -> Loader:
    """Answer the `Loader` of a configuration. Raises `Invalid` naming the field."""
    return _chosen(_LOADERS, configuration)


def _chosen(kinds: TypeAdapter[T], configuration: Mapping[str, object]) -> T:
    try:
        return kinds.validate_python(dict(configuration))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "KIND"
        msg = f"the configuration is not right at {where}: {first['msg']}"
        raise Invalid(msg, field=where) from error
