"""Files in memory and small builders of each format, for the tests of formats."""

from __future__ import annotations

import io
import json
import struct
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from modelry.core.inspection import Inspection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelry.core.model import Findings
    from modelry.core.ports import FileFormat, FolderFormat

ENTRY_POINTS = {
    "safetensors": "modelry.formats.safetensors:Safetensors",
    "onnx": "modelry.formats.onnx:Onnx",
    "gguf": "modelry.formats.gguf:Gguf",
    "pickle": "modelry.formats.pickles:Pickle",
    "joblib": "modelry.formats.joblib:CompressedJoblib",
    "npy": "modelry.formats.npy:Npy",
    "zip": "modelry.formats.zips:Zip",
    "hidden-zip": "modelry.formats.zips:HiddenZip",
    "hdf5": "modelry.formats.hdf5:Hdf5",
    "tar": "modelry.formats.tars:Tar",
    "mlflow": "modelry.formats.mlflow:MlflowModel",
    "huggingface": "modelry.formats.huggingface:HuggingFaceFolder",
}


@dataclass(frozen=True)
class Memory:
    """A file whose bytes are at hand."""

    path: str
    data: bytes

    @property
    def size(self) -> int:
        """The size in bytes."""
        return len(self.data)

    def open(self) -> BinaryIO:
        """Open for reading."""
        return io.BytesIO(self.data)


def formats() -> tuple[list[FileFormat], list[FolderFormat]]:
    """Load every entry point; a format of files is one that can sniff."""
    loaded = []
    for value in ENTRY_POINTS.values():
        module, _, name = value.partition(":")
        loaded.append(getattr(import_module(module), name)())
    files = [cast("FileFormat", one) for one in loaded if hasattr(one, "sniff")]
    folders = [cast("FolderFormat", one) for one in loaded if not hasattr(one, "sniff")]
    return files, folders


INSPECTION = Inspection(*formats())


def inspect(data: bytes) -> Findings | None:
    """Answer what one file of these bytes is; its name says nothing."""
    return INSPECTION.inspect("file", [Memory("some-file", data)])


def found(data: bytes) -> Findings:
    """Answer what one file of these bytes is, which some format must know."""
    findings = inspect(data)
    assert findings is not None
    return findings


def inspect_folder(files: Mapping[str, bytes]) -> Findings | None:
    """Answer what a folder of these files is."""
    return INSPECTION.inspect("folder", [Memory(path, files[path]) for path in sorted(files)])


def safetensors(header: object, data: bytes = b"") -> bytes:
    """Lay out a safetensors file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(shape: Sequence[int], begin: int, end: int, dtype: str = "F32") -> dict[str, object]:
    """Describe one tensor of a safetensors header."""
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def varint(value: int) -> bytes:
    """Write a protobuf number."""
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def number(field: int, value: int) -> bytes:
    """Write a protobuf field that is a number."""
    return varint(field << 3) + varint(value)


def content(field: int, *parts: bytes) -> bytes:
    """Write a protobuf field that is text or a message."""
    data = b"".join(parts)
    return varint(field << 3 | 2) + varint(len(data)) + data


def onnx(*graph: bytes, extra: bytes = b"") -> bytes:
    """Lay out an ONNX model with these parts of its graph."""
    head = number(1, 8) + content(2, b"test") + content(3, b"1.0")
    return head + content(7, *graph) + content(8, number(2, 17)) + extra


def initializer(name: bytes, dims: Sequence[int], raw: bytes, *more: bytes) -> bytes:
    """Write an initializer of float32."""
    sizes = b"".join(number(1, dim) for dim in dims)
    return content(5, sizes, number(2, 1), content(8, name), content(9, raw), *more)


def external(location: bytes) -> bytes:
    """Write an initializer whose data lies in another file."""
    entry = content(13, content(1, b"location"), content(2, location))
    return content(5, number(1, 3), number(2, 1), content(8, b"w"), entry, number(14, 1))


def gguf_text(text: str) -> bytes:
    """Write a string of GGUF."""
    return struct.pack("<Q", len(text.encode())) + text.encode()


def gguf_pair(key: str, value: str | int) -> bytes:
    """Write a key with a string or a 32-bit number."""
    if isinstance(value, str):
        return gguf_text(key) + struct.pack("<I", 8) + gguf_text(value)
    return gguf_text(key) + struct.pack("<II", 4, value)


def gguf_tensor(name: str, dims: Sequence[int], kind: int, offset: int) -> bytes:
    """Describe a tensor of GGUF."""
    sizes = struct.pack(f"<I{len(dims)}Q", len(dims), *dims)
    return gguf_text(name) + sizes + struct.pack("<IQ", kind, offset)


def gguf(
    pairs: Sequence[bytes], tensors: Sequence[bytes] = (), data: bytes = b"", version: int = 3
) -> bytes:
    """Lay out a GGUF file, padded to 32 bytes before the data."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs))
    head += b"".join(pairs) + b"".join(tensors)
    return head + b"\0" * (-len(head) % 32) + data


class Counting(io.FileIO):
    """A file that counts the bytes that are read of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self.count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size)
        self.count += len(data)
        return data

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # what readers give
        count = super().readinto(buffer) or 0
        self.count += count
        return count
