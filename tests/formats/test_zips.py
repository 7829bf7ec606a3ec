"""Zips: the structure is checked before anything in them is believed."""

from __future__ import annotations

import io
import json
import pickle
import struct
import warnings
import zipfile
from typing import TYPE_CHECKING

import pytest
from format_files import found, inspect, safetensors, tensor

from modelry.core.errors import Invalid
from modelry.core.model import Signature, TensorSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST = {"a.txt": b"hello", "b.txt": b"world"}


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """Write a zip with Python's own writer."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def refused(data: bytes) -> str:
    """Answer the reason why this file is refused."""
    with pytest.raises(Invalid) as refusal:
        inspect(data)
    return refusal.value.message


class Stream(io.RawIOBase):
    """A place to write to that cannot seek, so that sizes follow the data."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += bytes(data)
        return len(data)


def test_zips_of_pythons_writer_pass_in_every_variant() -> None:
    assert found(zipped(FIRST, zipfile.ZIP_DEFLATED)).details == {"files": 2}
    assert found(zipped({})).details == {"files": 0}
    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", "hello" * 50)
        with archive.open("wide", "w", force_zip64=True) as member:
            member.write(b"xyz" * 100)
        archive.mkdir("folder")
        archive.comment = b"a comment"
    assert found(stream.data).details == {"files": 3}


def test_pickles_and_zips_in_a_zip_are_noted() -> None:
    notes = found(zipped({"innocent.txt": pickle.dumps([1]), "z": zipped(FIRST)})).notes
    assert "it holds pickles, which run code when loaded: innocent.txt" in notes
    assert "it holds zips that were not looked into: z" in notes


def test_row_16_bomb_and_overlap_are_refused() -> None:
    data = bytearray(zipped({"a": b"x" * 100}, zipfile.ZIP_DEFLATED))
    central = data.rindex(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<L", 0xF0000000)
    assert "would unpack to" in refused(bytes(data))
    overlapping = bytearray(zipped(FIRST))
    second = overlapping.rindex(b"PK\x01\x02")
    overlapping[second + 42 : second + 46] = struct.pack("<L", 0)
    assert "overlap" in refused(bytes(overlapping))


def test_row_17_doubled_names_are_refused() -> None:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("a", "1")
            archive.writestr("a", "2")
    assert "twice" in refused(buffer.getvalue())


def test_row_17_bytes_before_between_and_behind_are_refused() -> None:
    whole = zipped(FIRST)
    assert "begins as something else" in refused(b"MZ" + whole)
    assert "begins as something else" in refused(b"#!" + b" " * 5000 + whole)
    assert "bytes before the zip" in refused(b"PK\x03\x04junk" + whole)
    assert "follow the end record" in refused(whole + b"x")
    assert "no end record" in refused(whole[:-22])
    central = whole.index(b"PK\x01\x02")
    gap = bytearray(whole[:central] + b"hidden" + whole[central:])
    gap[-6:-2] = struct.pack("<L", central + 6)
    assert "6 bytes before the central directory belong to no entry" in refused(bytes(gap))


def test_row_17_two_end_records_are_refused() -> None:
    whole = zipped(FIRST)
    twin = whole[-22:]
    outer = bytearray(whole + twin)
    outer[-24:-22] = struct.pack("<H", 22)
    assert "more than one end record" in refused(bytes(outer))


@pytest.mark.parametrize(
    ("what", "offset", "value"),
    [
        ("name", 30, b"X"),
        ("flags", 6, b"\x02"),
        ("method", 8, b"\x08"),
        ("checksum", 14, b"\x00\x00"),
        ("size", 18, b"\t"),
    ],
)
def test_row_17_headers_that_disagree_are_refused(what: str, offset: int, value: bytes) -> None:
    data = bytearray(zipped(FIRST))
    data[offset : offset + len(value)] = value
    assert f"another {what} in its own header" in refused(bytes(data))


def test_row_17_a_zip64_record_that_disagrees_or_is_absent_is_refused() -> None:
    whole = zipped(FIRST)
    start, size = whole.index(b"PK\x01\x02"), len(whole) - 22 - whole.index(b"PK\x01\x02")
    for end, reason in (
        (_zip64(len(whole) - 22, 2, size, start), None),
        (_zip64(len(whole) - 22, 1, size, start), "disagrees"),
        (_zip64(5, 2, size, start), "points to byte 5"),
        (_zip64(len(whole) - 22, 2, size, start, length=50), "does not end at its locator"),
    ):
        data = whole[:-22] + end + whole[-22:]
        if reason is None:
            assert found(data).details == {"files": 2}
        else:
            assert reason in refused(data)


def _zip64(offset: int, count: int, size: int, start: int, length: int = 44) -> bytes:
    record = b"PK\x06\x06" + struct.pack(
        "<QHHLLQQQQ", length, 45, 45, 0, 0, count, count, size, start
    )
    return record + b"PK\x06\x07" + struct.pack("<LQL", 0, offset, 1)


def test_row_17_broken_records_are_refused() -> None:
    whole = zipped(FIRST)
    central = whole.index(b"PK\x01\x02")
    broken = bytearray(whole)
    broken[central] = 0
    assert "central directory is broken" in refused(bytes(broken))
    split = bytearray(whole)
    split[-18] = 1
    assert "split over several files" in refused(bytes(split))
    fewer = bytearray(whole)
    fewer[-14:-10] = b"\x01\x00\x01\x00"
    assert "its entries take" in refused(bytes(fewer))
    moved = bytearray(whole)
    moved[moved.index(b"PK\x03\x04", 4)] = 0
    assert "where none begins" in refused(bytes(moved))
    doubled = bytearray(whole)
    doubled[central + 20 : central + 24] = struct.pack("<L", 9)
    assert "two different sizes" in refused(bytes(doubled))


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../up", "a/../../b", "c:/windows", "a\\..\\b", "nul\0byte"]
)
def test_row_19_names_that_leave_the_folder_are_refused(name: str) -> None:
    safe = "x" * len(name)
    data = zipped({safe: b"hello"}).replace(safe.encode(), name.encode())
    assert "the entry" in refused(data)


def test_row_19_links_and_encrypted_entries_are_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert "symbolic link" in refused(buffer.getvalue())
    data = bytearray(zipped(FIRST))
    data[6] = data[data.index(b"PK\x01\x02") + 8] = 1
    assert "encrypted" in refused(bytes(data))


def test_row_20_a_zip_that_begins_as_another_format_is_refused() -> None:
    archive = zipped({"x": b"y" * 5000})
    header = safetensors({"a": tensor([len(archive)], 0, len(archive), "U8")}, archive)
    assert "begins as something else" in refused(header)
    assert "begins as something else" in refused(pickle.dumps([1]) + archive)


def test_row_23_a_wrong_checksum_in_what_is_read_is_refused() -> None:
    files = {"config.json": b'{"class_name":"Sequential"}', "metadata.json": b"{}"}
    data = bytearray(zipped(files))
    data[data.index(b"Sequential")] = ord("s")
    assert "cannot be read" in refused(bytes(data))


def test_row_36_a_zip_cut_short_anywhere_is_refused() -> None:
    whole = zipped(FIRST)
    for length in range(4, len(whole)):
        refused(whole[:length])


def test_wide_entries_take_their_sizes_from_the_extra_field() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, archive.open("a", "w", force_zip64=True) as one:
        one.write(b"data")
    data = bytearray(stream.getvalue())
    assert found(bytes(data)).details == {"files": 1}
    data[data.index(b"\x01\x00\x10\x00") + 2] = 4
    assert "doubled or too short" in refused(bytes(data))


def test_torch_files_tell_what_their_pickle_would_import() -> None:
    body = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n."
    files = {"m/data.pkl": body, "m/version": b"3\n", "m/data/0": bytes(16)}
    findings = found(zipped(files))
    assert (findings.format, findings.framework) == ("torch", "pytorch")
    assert findings.details == {
        "layout": "zip",
        "tensors": 1,
        "globals": ["torch._utils._rebuild_tensor_v2"],
    }
    assert findings.notes[0].startswith("data.pkl: it is a pickle")


def test_row_28_pickles_hidden_beside_the_one_of_torch_are_read() -> None:
    hidden = b"\x80\x04\x8c\x02os\x8c\x06system\x93)R."
    files = {"m/data.pkl": pickle.dumps(1, 2), "m/code/x.py": b"pass", "m/extra": hidden}
    findings = found(zipped(files, zipfile.ZIP_DEFLATED))
    assert findings.format == "torchscript"
    assert "os.system" in str(findings.details["globals"])
    assert any("TorchScript program" in note for note in findings.notes)
    many = {f"m/{i}.pkl": pickle.dumps(1) for i in range(40)}
    notes = found(zipped({"m/data.pkl": pickle.dumps(1), **many})).notes
    assert "only 32 of its 41 pickles were read" in notes


def _keras(config: object, metadata: object) -> bytes:
    files = {"metadata.json": metadata, "config.json": config}
    texts = {name: json.dumps(value).encode() for name, value in files.items()}
    return zipped({**texts, "model.weights.h5": b"\x89HDF\r\n\x1a\n"})


def test_row_29_keras_tells_its_inputs_and_notes_code_that_would_run() -> None:
    layers = [
        {
            "module": "keras.layers",
            "class_name": "InputLayer",
            "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "x"},
        },
        {"module": "keras.layers", "class_name": "Lambda", "config": {"function": "..."}},
        {"module": "os", "class_name": "system", "config": {}},
    ]
    config = {"module": "keras", "class_name": "Sequential", "config": {"layers": layers}}
    findings = found(_keras(config, {"keras_version": "3.9.0"}))
    assert (findings.format, findings.framework) == ("keras", "keras")
    assert findings.details == {
        "keras_version": "3.9.0",
        "class_name": "Sequential",
        "layers": 3,
    }
    assert findings.signature == Signature((TensorSpec("x", "float32", (None, 4)),))
    assert findings.notes == (
        "it has a Lambda layer, which carries Python code that loading would run",
        "loading it would import os",
    )


def test_a_keras_model_without_layers_and_other_zips_with_such_names() -> None:
    findings = found(_keras({"class_name": "Odd", "config": 1}, {"keras_version": 3}))
    assert findings.details["layers"] is None
    assert findings.signature is None
    assert found(_keras({"a": 1}, {"b": 2})).format == "zip"
    assert "must be a JSON object" in refused(_keras([1], {}))


def test_a_configuration_too_large_to_be_read_is_refused() -> None:
    files = {"metadata.json": b"{}", "config.json": b" " * (17 * 1024 * 1024)}
    assert "at most" in refused(zipped(files, zipfile.ZIP_DEFLATED))


def test_entries_with_other_compressions_are_left_alone() -> None:
    assert found(zipped({"a": pickle.dumps(1)}, zipfile.ZIP_BZIP2)).notes == ()


def _hdf5(version: int, end: int, offsets: int = 8) -> bytes:
    head = b"\x89HDF\r\n\x1a\n" + bytes([version])
    if version < 2:
        head += bytes(4) + bytes([offsets, 8]) + bytes(9 if version == 0 else 13)
    else:
        head += bytes([offsets, 8, 0])
    return head + bytes(16) + struct.pack("<Q", end) + b'keras_version "class_name": "Lambda"'


def test_hdf5_of_keras_is_recognised_and_a_short_one_refused() -> None:
    for version in range(4):
        findings = found(_hdf5(version, 50))
        assert (findings.format, findings.framework) == ("hdf5", "keras")
        assert "Lambda layer" in findings.notes[0]
        assert "cut short" in refused(_hdf5(version, 5000))
    assert "version 9" in refused(_hdf5(9, 50))
    assert "offsets of 3 bytes" in refused(_hdf5(0, 50, 3))
    assert found(_hdf5(0, 50)[:60].replace(b"keras", b"xxxxx")).framework is None
