"""Whatever the bytes: findings, nothing or a refusal, soon, and no other exception."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from typing import TYPE_CHECKING

import joblib
import numpy as np
import pytest
from format_files import (
    INSPECTION,
    Memory,
    content,
    external,
    formats,
    gguf,
    gguf_pair,
    gguf_tensor,
    initializer,
    onnx,
    safetensors,
    tensor,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from test_tars import member, tarred

from modelry.core.errors import Invalid
from modelry.core.inspection import findings_from_json, findings_to_json
from modelry.core.strict_json import check

if TYPE_CHECKING:
    from collections.abc import Callable


def _written(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def _zip() -> bytes:
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data.pkl", pickle.dumps({"a": 1}))
        archive.writestr("m/data/0", bytes(20))
    return buffer.getvalue()


def _keras() -> bytes:
    with zipfile.ZipFile(buffer := io.BytesIO(), "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "A", "config": {}}))
        archive.writestr("metadata.json", '{"keras_version": "3"}')
    return buffer.getvalue()


OBJECTS = np.array([{"a": 1}, LookupError], dtype=object)
WHOLE = {
    "safetensors": safetensors({"w": tensor([2], 0, 8), "__metadata__": {"a": "b"}}, bytes(8)),
    "onnx": onnx(
        initializer(b"w", [2], bytes(8)),
        external(b"weights"),
        content(11, content(1, b"x"), content(2, content(1, content(2, content(1, b""))))),
    ),
    "gguf": gguf(
        [gguf_pair("a", "b"), gguf_pair("c", 1)], [gguf_tensor("w", [8], 0, 0)], bytes(32)
    ),
    "pickle": pickle.dumps({"a": [1, 2.0, "x", b"y", (1, 2)], "e": LookupError("x")}),
    "old pickle": pickle.dumps({"a": [1, 2.0, "x", (1, 2)], "e": LookupError("x")}, 0),
    "joblib": _written(lambda to: joblib.dump({"a": np.arange(3), "o": OBJECTS}, to)),
    "compressed": _written(lambda to: joblib.dump({"a": np.arange(3)}, to, compress=3)),
    "npy": _written(lambda to: np.save(to, np.arange(6).reshape(2, 3))),
    "npy of objects": _written(lambda to: np.save(to, OBJECTS)),
    "npz": _written(lambda to: np.savez(to, a=np.arange(3), b=np.zeros(2))),
    "torch": _zip(),
    "keras": _keras(),
    "tar": tarred([member("a/b", data=b"abc"), member("a/c" * 60, data=b"x")]),
    "hdf5": b"\x89HDF\r\n\x1a\n\x02\x08\x08\x00" + bytes(16) + b"\x40" + bytes(47),
}


def _survives(path: str, data: bytes) -> None:
    try:
        findings = INSPECTION.inspect("file", [Memory(path, data)])
    except Invalid as refusal:
        assert refusal.message.startswith(f"{path}: ")  # noqa: PT017
        return
    if findings is not None:
        document = findings_to_json(findings)
        check(document, "the findings")
        assert findings_from_json(json.loads(json.dumps(document))) == findings


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file_is_recognised_by_exactly_one_format(name: str) -> None:
    data = WHOLE[name]
    files, _ = formats()
    said = [
        one.name
        for one in files
        if one.sniff(data[:4096], len(data)) and one.read(Memory(name, data)) is not None
    ]
    assert len(said) == 1
    _survives(name, data)


@given(st.sampled_from(sorted(WHOLE)), st.data())
@settings(max_examples=400, deadline=20_000)
def test_a_mutated_file_gives_findings_nothing_or_a_refusal(name: str, draw: st.DataObject) -> None:
    data = bytearray(WHOLE[name])
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(data)))
        width = draw.draw(st.sampled_from([0, 1, 1, 1, 4, 8]))
        data[at : at + width] = draw.draw(st.binary(max_size=8))
    _survives("mutated", bytes(data))


@given(st.sampled_from([data[:12] for data in WHOLE.values()]), st.binary(max_size=200))
@settings(max_examples=300, deadline=20_000)
def test_random_bytes_behind_a_true_beginning_are_survived(head: bytes, rest: bytes) -> None:
    _survives("random", head + rest)
    _survives("random", rest)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=20_000)
def test_random_instructions_are_followed_or_given_up(body: bytes) -> None:
    _survives("pickle", b"\x80\x04" + body)


@pytest.mark.parametrize("name", WHOLE)
def test_row_36_every_truncation_is_survived(name: str) -> None:
    data = WHOLE[name]
    for length in range(0, len(data), max(len(data) // 200, 1)):
        _survives("short", data[:length])


@given(st.sampled_from(["MLmodel", "config.json", "README.md", "requirements.txt"]), st.data())
@settings(max_examples=200, deadline=20_000)
def test_random_marking_files_are_survived(name: str, draw: st.DataObject) -> None:
    starts = [b"flavors: {a: {}}\nsignature: ", b'{"model_type": ', b"---\nlicense: mit\n", b""]
    pieces = st.sampled_from(
        [b"{", b"[", b'"a"', b":", b"- ", b"\n", b"---\n", b"!!", b"1", b"]", b"}"]
    )
    body = b"".join(draw.draw(st.lists(pieces | st.binary(max_size=4), max_size=20)))
    data = draw.draw(st.sampled_from(starts)) + body
    try:
        INSPECTION.inspect("folder", [Memory(name, data)])
    except Invalid as refusal:
        assert refusal.message  # noqa: PT017
