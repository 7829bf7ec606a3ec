"""Pickle, joblib and torch's old format: recognised and followed, never loaded."""

from __future__ import annotations

import collections
import io
import pickle
import struct
import tracemalloc
import zlib
from typing import TYPE_CHECKING, BinaryIO, cast

import joblib
import numpy as np
import pytest
from format_files import Counting, Memory, found, inspect
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from modelry.formats import pickle_machine
from modelry.formats.pickles import TORCH_MAGIC, Pickle

if TYPE_CHECKING:
    from pathlib import Path

    from modelry.core.model import Findings

FOREST = RandomForestClassifier(3, random_state=0).fit(np.eye(4), [0, 1, 0, 1])


def _globals(findings: Findings) -> list[str]:
    told = findings.details["globals"]
    assert isinstance(told, list)
    return [str(one) for one in told]


def _dumped(value: object, compress: object = 0) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(value, buffer, compress=compress)
    return buffer.getvalue()


@pytest.mark.parametrize("protocol", range(6))
def test_row_21_pickles_of_every_protocol_tell_what_they_would_import(protocol: int) -> None:
    findings = found(pickle.dumps(FOREST, protocol))
    assert (findings.format, findings.framework) == ("pickle", "scikit-learn")
    assert "sklearn.tree._tree.Tree" in _globals(findings)
    assert findings.notes[0].startswith("it is a pickle: loading it runs code; it would import ")
    assert len(findings.notes) == 1


def test_arrays_of_joblib_are_passed_over_to_the_end_of_the_pickle() -> None:
    last = LogisticRegression()
    value = {
        "numbers": np.arange(1000.0),
        "words": np.array(["aa", "b"]),
        "objects": np.array([collections.OrderedDict(), 1], dtype=object),
        "records": np.zeros(3, dtype=[("a", "f4"), ("b", "i8")]),
        "mixed": np.zeros(2, dtype=[("a", "f4"), ("o", "O")]),
        "again": np.arange(3.0),
        "last": last,
    }
    findings = found(_dumped(value))
    assert findings.format == "joblib"
    assert "sklearn.linear_model._logistic.LogisticRegression" in _globals(findings)
    assert "collections.OrderedDict" in _globals(findings)
    assert len(findings.notes) == 1


@pytest.mark.parametrize("compress", [3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
def test_row_27_compressed_joblib_is_recognised(compress: object) -> None:
    findings = found(_dumped(FOREST, compress))
    assert findings.format == "joblib"
    assert "loading it runs code" in findings.notes[0]


def test_other_compressed_files_are_unknown() -> None:
    assert inspect(zlib.compress(b"hello world")) is None
    assert inspect(b"BZh9 not really") is None
    assert inspect(b"\xfd7zXZ\x00 not really") is None
    assert inspect(b"\x1f\x8b not really") is None


STACKED = b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x85R."
TRICKS = {
    "through the memo": b"\x80\x04\x8c\x02os\x940\x8c\x06system\x940h\x00h\x01\x93)R.",
    "through numbered memo": b"\x80\x04\x8c\x06systemq\x070\x8c\x02osh\x07\x93)R.",
    "doubled and dropped": b"\x80\x04\x8c\x02os20(0\x8c\x06system\x93)R.",
    "global": b"\x80\x02cos\nsystem\n)R.",
    "old text": b"cos\nsystem\n(S'id'\ntR.",
    "instance": b"(S'id'\nios\nsystem\n.",
    "object": b"(cos\nsystem\nS'id'\no.",
    "keywords": b"\x80\x04\x8c\x02os\x8c\x06system\x93)}\x92.",
    "broken behind the call": b"\x80\x04\x8c\x02os\x8c\x06system\x93)R\xff\xff",
    "old and broken": b"cos\nsystem\n(S'id'\ntR\xff\xff",
}


@pytest.mark.parametrize("trick", [STACKED, *TRICKS.values()], ids=["plain", *TRICKS])
def test_row_24_a_global_is_told_however_its_name_came_on_the_stack(trick: bytes) -> None:
    assert "os.system" in _globals(found(trick))


def test_row_24_a_name_that_cannot_be_told_is_counted() -> None:
    hidden = b"\x80\x04N\x8c\x06system\x93)R."
    escaped = b"\x80\x04S'\\x6fs'\nS'system'\n\x93)R."
    for data in (hidden, escaped):
        assert "it would import 1 names that could not be told" in found(data).notes
    assert _globals(found(b"\x80\x02\x82\x07.")) == ["copyreg.extension 7"]


def test_row_25_a_pickle_with_a_broken_tail_is_reported_and_not_refused() -> None:
    whole = pickle.dumps(FOREST)
    findings = found(whole[:-100])
    assert any("cannot be read to its end" in note for note in findings.notes)
    assert "sklearn.ensemble._forest.RandomForestClassifier" in _globals(findings)


def test_row_26_second_pickles_inner_pickles_and_bytes_behind_are_noted() -> None:
    inner = pickle.dumps({"payload": pickle.dumps([1, 2])})
    notes = found(inner + STACKED + b"rest").notes
    assert any("2 pickles stand one behind the other" in note for note in notes)
    assert any("1 byte strings in it look like pickles" in note for note in notes)
    assert any("4 bytes follow the end" in note for note in notes)


def test_torch_files_of_the_old_layout_are_told_apart() -> None:
    parts = [TORCH_MAGIC, pickle.dumps(1001, 2), pickle.dumps({"little_endian": True}, 2)]
    parts += [b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n.", pickle.dumps(["0"], 2)]
    findings = found(b"".join(parts) + struct.pack("<Q", 2) + bytes(8))
    assert (findings.format, findings.framework) == ("torch", "pytorch")
    assert findings.details["layout"] == "legacy"
    assert _globals(findings) == ["torch._utils._rebuild_tensor_v2"]
    assert len(findings.notes) == 1


@pytest.mark.parametrize(
    "text",
    [
        b"cachetools\nclick\ncolorama\n",
        b"config\nname\nfoo\n",
        b"(c) 2020 Somebody\nAll rights reserved\n",
        b"N.A.,1,2\n",
        b"NNNNNNNNNNNNNNNNNNNNNNNNNNNNN",
        b"]\n",
        b"Something else entirely\n",
        b"",
        b"\x80",
    ],
)
def test_text_is_not_taken_for_a_pickle(text: bytes) -> None:
    assert inspect(text) is None


BROKEN = {
    "no pickle instruction": b"\x80\x04N\xff.",
    "more than is on its stack": b"\x80\x040.",
    "needs a mark": b"\x80\x04t.",
    "nothing remembered": b"\x80\x04h\x07.",
    "claims 4,294,967,295 bytes": b"\x80\x04B\xff\xff\xff\xff.",
    "whole number": b"\x80\x02Iabc\n.",
    "cut short": b"\x80\x04(((",
    "a line of more than": b"\x80\x02c" + b"a" * 20_000,
}


@pytest.mark.parametrize("reason", BROKEN)
def test_a_pickle_that_cannot_be_followed_says_where(reason: str) -> None:
    notes = found(BROKEN[reason]).notes
    assert any(reason in note for note in notes)


def test_every_way_to_write_a_number_or_a_text_is_read() -> None:
    values = b"\x80\x02(I01\nL5L\nI7\nK\x01M\x01\x00J\xff\xff\xff\xffG" + bytes(8) + b"F1.5\n"
    values += b"\x8a\x01\x05\x8b\x09\x00\x00\x00" + bytes(9) + b"\x8a\x00U\x01aT\x01\x00\x00\x00b"
    values += b"Vabc\nX\x01\x00\x00\x00d\x8d\x01" + bytes(7) + b"e\x88\x89N]}\x8f(\x90Pid\nQ"
    values += b"\x95" + bytes(8) + b"C\x01x\x96\x01" + bytes(7) + b"y\x97\x98\x8c\xff" + b"z" * 255
    values += b"p12\n0g12\nr\x0d\x00\x00\x00j\x0d\x00\x00\x00t."
    assert found(values).notes == ("it is a pickle: loading it runs code",)


def test_joblib_wrappers_that_lie_are_reported() -> None:
    wrapper = b"\x80\x04\x8c\x13joblib.numpy_pickle\x8c\x11NumpyArrayWrapper\x93)\x81}("
    dtype = b"\x8c\x05dtypecnumpy\ndtype\n"
    shape = b"\x8c\x05shape"
    for state in (
        b"ub.",
        dtype + b")Rub.",
        dtype + b"\x8c\x02f8\x85Rub.",
        dtype + b"\x8c\x02f8\x85R" + shape + b"NNtub.",
        dtype + b"\x8c\x02f8\x85R" + shape + b"J\xff\xff\xff\xff\x85ub.",
        dtype + b"\x8c\x02f8\x85R" + shape + b"J\xff\xff\xff\x7f\x85ub.",
        dtype + b"\x8c\x03abc\x85R" + shape + b"K\x01\x85ub.",
        dtype + b"\x8c\x02O8\x85R" + shape + b"K\x01\x85ub" + b"\xff",
    ):
        notes = found(wrapper + state).notes
        assert any("cannot be read to its end" in note for note in notes)


def test_a_gigabyte_in_a_pickle_is_passed_over(tmp_path: Path) -> None:
    size = 2**30
    head = b"\x80\x04\x8e" + struct.pack("<Q", size)
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.write(head)
        file.seek(len(head) + size)
        file.write(b".")

    class Big(Memory):
        size = len(head) + 2**30 + 1

        def open(self) -> BinaryIO:
            return cast("BinaryIO", counting)

    counting = Counting(path)
    tracemalloc.start()
    findings = Pickle().read(Big("big", b""))
    assert counting.count < 1024 * 1024
    assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
    tracemalloc.stop()
    assert findings.notes == ("it is a pickle: loading it runs code",)


@pytest.mark.parametrize(
    "data",
    [b"\x80\x04" + b"N" * 300_000, b"\x80\x04" + b"(" * 300_000, b"\x80\x04N" + b"N0" * 60_000],
    ids=["stack", "marks", "steps"],
)
def test_row_34_an_endless_pickle_is_given_up(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_machine, "MAX_STEPS", 100_000 if data[3:5] == b"N0" else 10**7)
    notes = found(data).notes
    assert any("cannot be read to its end" in note for note in notes)


def test_row_34_a_memo_full_of_holes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelry.formats.pickle_memo._MAX_SPARSE", 10)
    data = b"\x80\x04N" + b"".join(b"q" + bytes([i]) for i in range(2, 60, 2)) + b"."
    assert any("remembers too much" in note for note in found(data).notes)
    filled = b"\x80\x04Nq\x02q\x01q\x00\x94h\x030."
    assert found(filled).notes == ("it is a pickle: loading it runs code",)
