"""What the formats find is sealed with the version; what lies is refused."""

import json
import struct
from pathlib import Path

import pytest

from modelry.core.errors import Invalid
from modelry.core.registry import Registry
from modelry.formats.huggingface import HuggingFaceFolder
from modelry.formats.safetensors import Safetensors
from modelry.stores.memory import MemoryStore
from modelry.testing.fakes import world_on


def safetensors(header: dict[str, object], data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.fixture
def reading(tmp_path: Path) -> Registry:
    world = world_on(
        MemoryStore(), tmp_path / "home", files=[Safetensors()], folders=[HuggingFaceFolder()]
    )
    return Registry(world)


def test_findings_are_sealed_and_come_back(reading: Registry, tmp_path: Path) -> None:
    path = tmp_path / "any name at all"
    header: dict[str, object] = {"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
    path.write_bytes(safetensors(header, bytes(24)))
    findings = reading.register("m", path).findings
    assert findings is not None
    assert (findings.format, findings.parameters) == ("safetensors", 6)
    assert reading.resolve("m:1").findings == findings
    assert [each.ref for each in reading.search("format = safetensors")] == ["m:1"]


def test_row_33_a_lying_header_is_refused_and_nothing_is_stored(
    reading: Registry, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    header: dict[str, object] = {"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 99]}}
    path.write_bytes(safetensors(header, bytes(24)))
    with pytest.raises(Invalid, match=r"model\.safetensors"):
        reading.register("m", path)
    assert not reading.models()
    kept = [each for each in (tmp_path / "home" / "blobs").rglob("*") if each.is_file()]
    assert {each.parent.name for each in kept} <= {"blobs", "leases"}
