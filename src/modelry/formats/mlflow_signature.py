"""The signature in `MLmodel`: lists of columns or tensors, as JSON inside the YAML.

The forms are those of `mlflow.types.Schema.to_json` (MLflow 1.9 to 3); column
types are told by the names that numpy has for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelry.core import strict_json
from modelry.core.errors import Invalid
from modelry.core.model import Signature, TensorSpec
from modelry.formats.quoting import plain

if TYPE_CHECKING:
    from modelry.core.strict_json import Json

_MAX_SPECS = 10_000
_DTYPES = {
    "double": "float64",
    "float": "float32",
    "integer": "int32",
    "long": "int64",
    "boolean": "bool",
    "binary": "bytes",
    "datetime": "datetime64[ns]",
}


def signature(value: Json) -> Signature | None:
    """Answer what `MLmodel` says under `signature`, None where it says nothing."""
    if value is None:
        return None
    if not isinstance(value, dict):
        msg = "the signature in MLmodel must be a mapping with inputs and outputs"
        raise Invalid(msg)
    inputs = _specs(value.get("inputs"), "inputs")
    outputs = _specs(value.get("outputs"), "outputs")
    return Signature(inputs, outputs) if inputs or outputs else None


def _specs(value: Json, which: str) -> tuple[TensorSpec, ...]:
    what = f"the signature's {which} in MLmodel"
    schema = (
        strict_json.loads(value.encode("utf-8", "replace"), what)
        if isinstance(value, str)
        else value
    )
    if schema is None:
        return ()
    if not isinstance(schema, list) or len(schema) > _MAX_SPECS:
        msg = f"{what} must be a JSON list of at most {_MAX_SPECS:,} columns or tensors"
        raise Invalid(msg)
    return tuple(_spec(one, what) for one in schema)


def _spec(one: Json, what: str) -> TensorSpec:
    if not isinstance(one, dict):
        msg = f"{what} holds something that is neither a column nor a tensor"
        raise Invalid(msg)
    name = one.get("name")
    shown = plain(str(name)) if name is not None else ""
    tensor = one.get("tensor-spec")
    if isinstance(tensor, dict):
        return TensorSpec(shown, plain(str(tensor.get("dtype"))), _shape(tensor.get("shape")))
    return TensorSpec(shown, _dtype(one))


def _shape(value: Json) -> tuple[int | None, ...] | None:
    if not isinstance(value, list):
        return None
    return tuple(one if isinstance(one, int) and one >= 0 else None for one in value[:64])


def _dtype(column: Json) -> str:
    """Name the type of a column; arrays, maps and objects in angle brackets."""
    if not isinstance(column, dict):
        return plain(str(column))
    kind = plain(str(column.get("type")))
    if kind == "array":
        return plain(f"array<{_dtype(column.get('items'))}>")
    if kind == "map":
        return plain(f"map<string,{_dtype(column.get('values'))}>")
    fields = column.get("properties")
    if kind == "object" and isinstance(fields, dict):
        return plain(f"object<{','.join(fields)}>")
    return _DTYPES.get(kind, kind)
