"""safetensors: a length, a JSON header, and tensors that fill the rest without holes.

The rules are those of the format's published description
(https://github.com/huggingface/safetensors, "Format"): a header of at most
100 MB that begins with `{`, no duplicate keys, `__metadata__` a map of text to
text, offsets that cover the buffer exactly, sizes that follow from dtype and
shape.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from modelry.core import strict_json
from modelry.core.errors import Invalid
from modelry.core.model import Findings
from modelry.formats.forward import reading
from modelry.formats.quoting import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelry.core.ports import SourceFile
    from modelry.core.strict_json import Json

HEADER_MOST = 100_000_000
_METADATA = "__metadata__"
_METADATA_SHOWN = 64
_MAX_ELEMENTS = 2**64 - 1
_BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8"), 8),
    **dict.fromkeys(("F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E5M2FNUZ", "F8_E4M3FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}
_WRITERS = {
    "pt": "pytorch",
    "tf": "tensorflow",
    "flax": "flax",
    "jax": "jax",
    "np": "numpy",
    "mlx": "mlx",
}


class _Tensor(NamedTuple):
    begin: int
    end: int
    elements: int
    dtype: str
    name: str


class Safetensors:
    """Reads the header; the tensors themselves are never touched."""

    name = "safetensors"

    def sniff(self, head: bytes, size: int) -> bool:
        """Recognise a header that opens a JSON object behind eight bytes that are not text.

        JSON such as `{"name":{"x":1}}` has a brace in the same place.
        """
        opens = size > 8 and head[8:9] == b"{" and head[9:].lstrip()[:1] in (b"", b'"', b"}")  # noqa: PLR2004
        return opens and not _is_text(head[:8])

    def read(self, file: SourceFile) -> Findings:
        """Answer tensors, dtypes, parameters and metadata."""
        with reading(file, "the file") as stream:
            length = stream.u64("the header length")
            _refuse_length(length, stream.left)
            data = stream.take(length, "the safetensors header", HEADER_MOST)
            header = strict_json.load_object(data, "the safetensors header", max_bytes=HEADER_MOST)
            metadata = _metadata(header.pop(_METADATA, None))
            tensors = [_tensor(name, entry) for name, entry in header.items()]
            _refuse_holes(tensors, stream.left)
        return _findings(tensors, metadata)


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\t\r\n" for character in text)


def _refuse_length(length: int, left: int) -> None:
    if length > HEADER_MOST:
        msg = f"the safetensors header claims {length:,} bytes; at most {HEADER_MOST:,} are allowed"
        raise Invalid(msg, claimed=length)
    if length > left:
        msg = (
            f"the safetensors header claims {length:,} bytes, but the file has only {left:,} "
            "after it; it was cut short or its header lies"
        )
        raise Invalid(msg, claimed=length, left=left)


def _metadata(value: Json) -> dict[str, str]:
    if value is None:
        return {}
    if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        return {key: str(item) for key, item in value.items()}
    msg = f"{_METADATA} in the safetensors header must map text to text"
    raise Invalid(msg)


def _tensor(name: str, entry: Json) -> _Tensor:
    shown = plain(name)
    if not isinstance(entry, dict):
        msg = f"tensor {shown!r} must be described by an object with dtype, shape and data_offsets"
        raise Invalid(msg, tensor=shown)
    dtype = entry.get("dtype")
    if not isinstance(dtype, str) or dtype not in _BITS:
        msg = (
            f"tensor {shown!r} has the dtype {plain(str(dtype))!r}, which is not one of the format"
        )
        raise Invalid(msg, tensor=shown)
    elements = _elements(shown, entry.get("shape"))
    begin, end = _offsets(shown, entry.get("data_offsets"))
    bits = elements * _BITS[dtype]
    if bits != (end - begin) * 8:
        msg = (
            f"tensor {shown!r} has {elements:,} elements of {dtype}, {bits / 8:,.0f} bytes, but "
            f"its data_offsets span {end - begin:,}"
        )
        raise Invalid(msg, tensor=shown)
    return _Tensor(begin, end, elements, dtype, shown)


def _elements(name: str, shape: Json) -> int:
    if not isinstance(shape, list) or not all(map(_is_size, shape)):
        msg = f"tensor {name!r} must have a shape of whole numbers, none of them negative"
        raise Invalid(msg, tensor=name)
    elements = 1
    for dimension in shape:
        elements *= dimension
        if elements > _MAX_ELEMENTS:
            msg = f"tensor {name!r} has a shape whose product is beyond 64 bits"
            raise Invalid(msg, tensor=name)
    return elements


def _offsets(name: str, offsets: Json) -> tuple[int, int]:
    match offsets:
        case [int(begin), int(end)] if _is_size(begin) and _is_size(end) and begin <= end:
            return begin, end
    msg = f"tensor {name!r} must have data_offsets [begin, end] with 0 <= begin <= end"
    raise Invalid(msg, tensor=name)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _refuse_holes(tensors: Sequence[_Tensor], left: int) -> None:
    at = 0
    for tensor in sorted(tensors):
        if tensor.end > left:
            msg = (
                f"tensor {tensor.name!r} ends at byte {tensor.end:,} of the data, which has only "
                f"{left:,}; the file was cut short or its header lies"
            )
            raise Invalid(msg, tensor=tensor.name)
        if tensor.begin != at:
            wrong = "overlaps the tensor before it" if tensor.begin < at else "leaves a hole"
            msg = f"tensor {tensor.name!r} begins at {tensor.begin:,} instead of {at:,}: it {wrong}"
            raise Invalid(msg, tensor=tensor.name)
        at = tensor.end
    if at != left:
        msg = f"{left - at:,} bytes at the end of the file belong to no tensor"
        raise Invalid(msg, left=left - at)


def _findings(tensors: Sequence[_Tensor], metadata: Mapping[str, str]) -> Findings:
    dtypes: Counter[str] = Counter()
    for tensor in tensors:
        dtypes[tensor.dtype] += tensor.elements
    details: dict[str, Json] = {"tensors": len(tensors), "dtypes": dict(sorted(dtypes.items()))}
    if metadata:
        shown = sorted(metadata.items())[:_METADATA_SHOWN]
        details["metadata"] = {plain(key): plain(value, 1000) for key, value in shown}
    return Findings(
        format=Safetensors.name,
        framework=_WRITERS.get(metadata.get("format", "")),
        parameters=dtypes.total(),
        details=details,
    )
