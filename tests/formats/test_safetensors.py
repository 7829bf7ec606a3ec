"""safetensors: what is read, and every way in which a header can lie."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc

import numpy as np
import pytest
from format_files import found, inspect, safetensors, tensor
from safetensors.numpy import save

from modelry.core.errors import Invalid
from modelry.formats.safetensors import Safetensors


def test_a_file_by_the_real_writer_tells_tensors_dtypes_parameters_and_framework() -> None:
    data = save(
        {"w": np.zeros((3, 4), np.float32), "b": np.zeros(4, np.float16), "n": np.array(1)},
        metadata={"format": "pt"},
    )
    findings = found(data)
    assert (findings.format, findings.framework, findings.parameters) == (
        "safetensors",
        "pytorch",
        17,
    )
    assert findings.details == {
        "tensors": 3,
        "dtypes": {"F16": 4, "F32": 12, "I64": 1},
        "metadata": {"format": "pt"},
    }


def test_json_with_a_brace_in_the_ninth_place_is_not_taken_for_a_header() -> None:
    assert inspect(b'{"name":{"x":1}}') is None


LIES = {
    "claims 1,152,921,504,606,846,976 bytes": struct.pack("<Q", 2**60) + b'{"a":1}',
    "claims 99 bytes": struct.pack("<Q", 99) + b'{"a":1}',
    "twice": safetensors(b'{"a":{},"a":{}}'),
    "overlaps": safetensors({"a": tensor([2], 0, 8), "b": tensor([1], 4, 8)}, b"x" * 8),
    "leaves a hole": safetensors({"a": tensor([1], 4, 8)}, b"x" * 8),
    "ends at byte 8 of the data, which has only 4": safetensors({"a": tensor([2], 0, 8)}, b"xxxx"),
    "its data_offsets span 8": safetensors({"a": tensor([3], 0, 8)}, b"x" * 8),
    "'F99', which is not one": safetensors({"a": tensor([2], 0, 8, "F99")}, b"x" * 8),
    "must map text to text": safetensors({"__metadata__": {"a": 1}}),
    "belong to no tensor": safetensors({"a": tensor([1], 0, 4)}, b"x" * 8),
    "described by an object": safetensors({"a": 1}),
    "none of them negative": safetensors({"a": tensor([-1], 0, 4)}, b"xxxx"),
    "beyond 64 bits": safetensors({"a": tensor([2**62, 2**62, 0], 0, 0)}),
    "0 <= begin <= end": safetensors({"a": tensor([1], 4, 0)}, b"xxxx"),
    "not acceptable JSON": safetensors(b'{"a":'),
}


@pytest.mark.parametrize("reason", LIES)
def test_row_33_a_lying_header_is_refused_with_the_reason(reason: str) -> None:
    with pytest.raises(Invalid) as refusal:
        inspect(LIES[reason])
    assert reason in refusal.value.message
    assert refusal.value.facts["path"] == "some-file"


def test_row_33_a_header_that_claims_exabytes_costs_no_memory() -> None:
    data = struct.pack("<Q", 2**60) + b'{"a":1}'
    tracemalloc.start()
    with pytest.raises(Invalid):
        inspect(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1024 * 1024


def test_row_36_a_file_cut_short_anywhere_is_refused_or_unknown() -> None:
    whole = save({"w": np.zeros((3, 4), np.float32)})
    for length in range(len(whole)):
        try:
            findings = inspect(whole[:length])
        except Invalid:
            continue
        assert findings is None


def test_a_header_of_a_thousand_tensors_is_read() -> None:
    entries = {f"model.layers.{i}.weight": tensor([1], 4 * i, 4 * i + 4) for i in range(1000)}
    data = safetensors(json.dumps(entries).encode(), bytes(4000))
    assert found(data).parameters == 1000


def test_a_file_shorter_than_its_size_says_is_refused() -> None:
    class Short:
        path = "short"
        size = 100

        def open(self) -> io.BytesIO:
            return io.BytesIO(struct.pack("<Q", 50) + b'{"a":')

    with pytest.raises(Invalid, match="though its size is 100"):
        Safetensors().read(Short())
