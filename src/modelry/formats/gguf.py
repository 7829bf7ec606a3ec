"""GGUF: architecture, quantisation, context length, tokenizer and tensors of llama.cpp models.

The layout is that of https://github.com/ggml-org/ggml, docs/gguf.md, versions 2
and 3. A chat template is a program; it is mentioned, never rendered
(CVE-2024-34359).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from modelry.core.errors import Invalid
from modelry.core.model import Findings
from modelry.formats import gguf_values
from modelry.formats.forward import Forward, reading
from modelry.formats.ggml import FILE_TYPES, tensor_size, type_name
from modelry.formats.gguf_values import Items, Value
from modelry.formats.quoting import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelry.core.ports import SourceFile
    from modelry.core.strict_json import Json

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MAX_KEYS = 65_536
_MAX_TENSORS = 1_000_000
_MAX_DIMENSIONS = 8
_MAX_ELEMENTS = 2**63 - 1
_LEAST_PAIR, _LEAST_TENSOR = 13, 24
_ALIGNMENT = 32
_TOLD = {
    "name": "general.name",
    "license": "general.license",
    "size_label": "general.size_label",
    "tokenizer": "tokenizer.ggml.model",
}
_TOLD_BY_ARCHITECTURE = ("context_length", "embedding_length", "block_count", "expert_count")


class _Tensor(NamedTuple):
    offset: int
    name: str
    type: int
    elements: int


class Gguf:
    """Reads keys and tensor descriptions; the data behind them is never touched."""

    name = "gguf"

    def sniff(self, head: bytes, size: int) -> bool:
        """Recognise the magic number."""
        return size >= len(_MAGIC) and head.startswith(_MAGIC)

    def read(self, file: SourceFile) -> Findings:
        """Answer what the keys say and what the tensors add up to."""
        with reading(file, "the file") as stream:
            stream.skip(len(_MAGIC), "the magic number")
            version = _version(stream)
            tensors = _count(stream, "tensors", _LEAST_TENSOR, _MAX_TENSORS)
            pairs = _count(stream, "keys", _LEAST_PAIR, _MAX_KEYS)
            keys = _keys(stream, pairs)
            found = _tensors(stream, tensors)
            _refuse_lies(found, _data_size(stream, keys), _alignment(keys))
        return _findings(version, keys, found)


def _version(stream: Forward) -> int:
    version = stream.u32("the version")
    if version not in _VERSIONS:
        big = " (it may be big-endian)" if version & 0xFFFF == 0 else ""
        msg = f"the file says it is GGUF version {version}{big}; versions 2 and 3 are read"
        raise Invalid(msg, version=version)
    return version


def _count(stream: Forward, of: str, least: int, most: int) -> int:
    count = stream.u64(f"the number of {of}")
    if count > most or count * least > stream.left:
        msg = (
            f"the header claims {count:,} {of}; the file has {stream.left:,} bytes left and "
            f"at most {most:,} are read"
        )
        raise Invalid(msg, claimed=count)
    return count


def _keys(stream: Forward, count: int) -> dict[str, Value]:
    keys: dict[str, Value] = {}
    for _ in range(count):
        key = gguf_values.key(stream)
        if key in keys:
            msg = f"the key {plain(key)!r} stands in the header twice"
            raise Invalid(msg, key=plain(key))
        keys[key] = gguf_values.value(stream)
    return keys


def _tensors(stream: Forward, count: int) -> list[_Tensor]:
    tensors = [_tensor(stream) for _ in range(count)]
    names = Counter(tensor.name for tensor in tensors)
    for name, times in names.most_common(1):
        if times > 1:
            msg = f"the tensor {plain(name)!r} stands in the header {times} times"
            raise Invalid(msg, tensor=plain(name))
    return tensors


def _tensor(stream: Forward) -> _Tensor:
    name = gguf_values.key(stream)
    dimensions = stream.u32("a tensor's dimensions")
    if dimensions > _MAX_DIMENSIONS:
        msg = f"tensor {plain(name)!r} claims {dimensions:,} dimensions; at most 8 are read"
        raise Invalid(msg, tensor=plain(name))
    elements = 1
    for _ in range(dimensions):
        elements *= stream.u64("a dimension")
        if elements > _MAX_ELEMENTS:
            msg = f"tensor {plain(name)!r} claims more elements than 63 bits can count"
            raise Invalid(msg, tensor=plain(name))
    kind = stream.u32("a tensor's type")
    return _Tensor(stream.u64("a tensor's offset"), name, kind, elements)


def _alignment(keys: Mapping[str, Value]) -> int:
    value = keys.get("general.alignment", _ALIGNMENT)
    if not isinstance(value, int) or value <= 0 or value % 8:
        msg = f"general.alignment is {plain(str(value))}; it must be a multiple of 8"
        raise Invalid(msg)
    return value


def _data_size(stream: Forward, keys: Mapping[str, Value]) -> int:
    """Answer the bytes behind the header, whose end is padded to the alignment."""
    return max(stream.left - -stream.at % _alignment(keys), 0)


def _refuse_lies(tensors: Sequence[_Tensor], data: int, alignment: int) -> None:
    at = 0
    for tensor in sorted(tensors):
        size = tensor_size(tensor.type, tensor.elements)
        end = tensor.offset + (size or 0)
        if end > data or tensor.offset % alignment or tensor.offset < at:
            msg = (
                f"tensor {plain(tensor.name)!r} lies at bytes {tensor.offset:,} to {end:,} of the "
                f"data, which has {data:,}; tensors must lie inside it, aligned to {alignment} "
                "bytes, without overlapping"
            )
            raise Invalid(msg, tensor=plain(tensor.name))
        at = end


def _findings(version: int, keys: Mapping[str, Value], tensors: Sequence[_Tensor]) -> Findings:
    dtypes: Counter[str] = Counter()
    for tensor in tensors:
        dtypes[type_name(tensor.type)] += tensor.elements
    architecture = _shown(keys.get("general.architecture"))
    told = {name: keys.get(key) for name, key in _TOLD.items()}
    told |= {name: keys.get(f"{architecture}.{name}") for name in _TOLD_BY_ARCHITECTURE}
    details: dict[str, Json] = {
        "version": version,
        "architecture": architecture,
        "quantisation": _quantisation(keys.get("general.file_type"), dtypes),
        "tensors": len(tensors),
        "dtypes": dict(sorted(dtypes.items())),
        **{name: _shown(value) for name, value in told.items()},
    }
    return Findings(
        format=Gguf.name,
        framework="llama.cpp",
        parameters=dtypes.total() or None,
        details={name: value for name, value in details.items() if value is not None},
        notes=_notes(keys),
    )


def _shown(value: Value | None) -> Json:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, int) and not isinstance(value, bool | Items) and abs(value) < 2**63:
        return value
    return None


def _quantisation(file_type: Value | None, dtypes: Counter[str]) -> str | None:
    """Answer what the file says, else the type that most of the numbers have."""
    if isinstance(file_type, int) and file_type in FILE_TYPES:
        return FILE_TYPES[file_type]
    return dtypes.most_common(1)[0][0] if dtypes else None


def _notes(keys: Mapping[str, Value]) -> tuple[str, ...]:
    if any(key.startswith("tokenizer.chat_template") for key in keys):
        return ("it carries a chat template, which is a program; it was not rendered",)
    return ()
