"""What the formats find is sealed with the version; what lies is refused."""

import json
import struct
from pathlib import Path

import pytest

from modelry.core.errors import Invalid, Unavailable
from modelry.core.model import Findings
from modelry.core.ports import SourceFile
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


class Crashing:
    """A plug-in that fails on everything, in the given way."""

    name = "crashing"

    def __init__(self, failure: Exception) -> None:
        self._failure = failure

    def sniff(self, head: bytes, size: int) -> bool:
        return size == len(head)

    def read(self, file: SourceFile) -> Findings | None:
        assert file.size
        raise self._failure


@pytest.mark.parametrize(
    "failure", [MemoryError(), RecursionError("deep"), ZeroDivisionError(), OSError("unreadable")]
)
def test_row_34_a_format_that_crashes_ends_the_registration_and_nothing_is_kept(
    tmp_path: Path, failure: Exception
) -> None:
    world = world_on(MemoryStore(), tmp_path / "home", files=[Crashing(failure)])
    path = tmp_path / "model.bin"
    path.write_text("weights")
    with pytest.raises(Invalid, match=r"model\.bin: the reader of crashing failed"):
        Registry(world).register("m", path)
    assert not Registry(world).models()
    assert not list(world.blobs.scan())


def test_a_refusal_of_a_format_stays_what_it_is(tmp_path: Path) -> None:
    world = world_on(MemoryStore(), tmp_path / "home", files=[Crashing(Unavailable("later"))])
    path = tmp_path / "model.bin"
    path.write_text("weights")
    with pytest.raises(Unavailable, match="later"):
        Registry(world).register("m", path)


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
