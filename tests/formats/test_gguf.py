"""GGUF: what llama.cpp models say of themselves, and refusals of those that lie."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from format_files import found, gguf, gguf_pair, gguf_tensor, gguf_text, inspect

from modelry.core.errors import Invalid

ARCHITECTURE = gguf_pair("general.architecture", "llama")


def _array(kind: int, count: int, body: bytes) -> bytes:
    return gguf_text("array") + struct.pack("<IIQ", 9, kind, count) + body


def test_a_model_tells_architecture_quantisation_context_and_tokenizer() -> None:
    tokens = b"".join(gguf_text(f"token{i}") for i in range(5000))
    findings = found(
        gguf(
            [
                ARCHITECTURE,
                gguf_pair("general.name", "Tiny"),
                gguf_pair("general.file_type", 15),
                gguf_pair("llama.context_length", 4096),
                gguf_pair("tokenizer.ggml.model", "gpt2"),
                gguf_pair("tokenizer.chat_template", "{{ cycler.__init__.__globals__ }}"),
                _array(8, 5000, tokens),
                gguf_text("flag") + struct.pack("<IB", 7, 1),
                gguf_text("pi") + struct.pack("<Id", 12, 3.14),
            ],
            [gguf_tensor("w", [256, 2], 12, 0), gguf_tensor("n", [8], 0, 288)],
            bytes(320),
        )
    )
    assert (findings.format, findings.framework, findings.parameters) == ("gguf", "llama.cpp", 520)
    assert findings.details == {
        "version": 3,
        "architecture": "llama",
        "quantisation": "Q4_K_M",
        "name": "Tiny",
        "context_length": 4096,
        "tokenizer": "gpt2",
        "tensors": 2,
        "dtypes": {"F32": 8, "Q4_K": 512},
    }


def test_row_31_a_chat_template_is_mentioned_and_never_rendered() -> None:
    findings = found(gguf([gguf_pair("tokenizer.chat_template", "{{ 1/0 }}")]))
    assert findings.notes == (
        "it carries a chat template, which is a program; it was not rendered",
    )


def test_without_a_file_type_the_most_common_tensor_type_is_told() -> None:
    findings = found(gguf([], [gguf_tensor("w", [8], 1, 0)], bytes(16)))
    assert findings.details["quantisation"] == "F16"


def _nested(depth: int) -> bytes:
    return gguf_text("deep") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * depth + bytes(64)


LIES = {
    "version 1;": gguf([], version=1),
    "big-endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
    "claims 9,000 tensors": b"GGUF" + struct.pack("<IQQ", 3, 9000, 0),
    "1,152,921,504,606,846,976 keys": b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60),
    "array at byte": gguf([_array(4, 2**60, b"")]),
    "a string at byte": gguf([gguf_text("k") + struct.pack("<IQ", 8, 2**60)]),
    "a key at byte": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**60) + bytes(32),
    "nested deeper than 4": gguf([_nested(6)]),
    "value type 99": gguf([gguf_text("k") + struct.pack("<I", 99)]),
    "twice": gguf([ARCHITECTURE, ARCHITECTURE]),
    "stands in the header 2 times": gguf([], [gguf_tensor("w", [1], 0, 0)] * 2, bytes(64)),
    "tensors must lie inside": gguf([], [gguf_tensor("w", [100], 0, 0)], bytes(64)),
    "aligned to 32": gguf([], [gguf_tensor("w", [1], 0, 4)], bytes(64)),
    "without overlapping": gguf(
        [], [gguf_tensor("a", [16], 0, 0), gguf_tensor("b", [1], 0, 32)], bytes(64)
    ),
    "claims 99 dimensions": gguf([], [gguf_text("w") + struct.pack("<I", 99)], bytes(64)),
    "63 bits": gguf([], [gguf_tensor("w", [2**40, 2**40], 0, 0)], bytes(64)),
    "truth value": gguf([gguf_text("b") + struct.pack("<IB", 7, 2)]),
    "multiple of 8": gguf([gguf_pair("general.alignment", 3)]),
}


@pytest.mark.parametrize("reason", LIES)
def test_row_33_a_lying_header_is_refused_with_the_reason(reason: str) -> None:
    with pytest.raises(Invalid) as refusal:
        inspect(LIES[reason])
    assert reason in refusal.value.message


def test_row_33_headers_that_claim_exabytes_cost_no_memory() -> None:
    tracemalloc.start()
    for reason in ("1,152,921,504,606,846,976 keys", "array at byte", "a string at byte"):
        with pytest.raises(Invalid):
            inspect(LIES[reason])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1024 * 1024


def test_row_36_a_model_cut_short_anywhere_is_refused() -> None:
    whole = gguf([ARCHITECTURE, _array(8, 2, gguf_text("a") * 2)], [gguf_tensor("w", [8], 0, 0)])
    whole += bytes(32)
    for length in range(4, len(whole)):
        with pytest.raises(Invalid):
            inspect(whole[:length])
