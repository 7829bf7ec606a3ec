"""Inspection: which format reads a file, what a folder adds up to, and the sealed form."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

import pytest

from modelry.core.errors import Corrupt, Invalid
from modelry.core.inspection import (
    MAX_NOTES,
    Inspection,
    findings_from_json,
    findings_to_json,
)
from modelry.core.model import Findings, Signature, TensorSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelry.core.ports import SourceFile


@dataclass(frozen=True)
class Text:
    """A file of text in memory."""

    path: str
    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.data)


@dataclass
class Letters:
    """A format whose files begin with its letter; digits behind it are its parameters."""

    name: str
    heads: list[int] = field(default_factory=list)

    def sniff(self, head: bytes, size: int) -> bool:
        self.heads.append(len(head))
        assert size >= len(head)
        return head.startswith(self.name.encode())

    def read(self, file: SourceFile) -> Findings:
        with file.open() as source:
            body = source.read()[1:].decode()
        if body == "!":
            msg = "its header lies"
            raise Invalid(msg, at=1)
        notes = ("look out",) if body.endswith("?") else ()
        number = int(body) if body.isdigit() else None
        spec = Signature((TensorSpec(file.path, "x"),))
        return Findings(
            format=self.name, framework=body or None, parameters=number, signature=spec, notes=notes
        )


class Shy:
    """A format that looks closer and finds that the file is another's."""

    name = "shy"

    def sniff(self, head: bytes, size: int) -> bool:
        return size == len(head)

    def read(self, file: SourceFile) -> Findings | None:
        del file
        return None


@dataclass
class Marked:
    """A folder layout that is known by a file with its name."""

    name: str
    parameters: int | None = None

    def read(
        self, files: Mapping[str, SourceFile], found: Mapping[str, Findings]
    ) -> Findings | None:
        if self.name not in files:
            return None
        return Findings(
            format=self.name,
            parameters=self.parameters,
            details={"seen": len(found)},
            notes=("from the folder",),
        )


def inspection(*folders: Marked) -> Inspection:
    return Inspection([Letters("a"), Shy(), Letters("b")], folders)


def folder(*folders: Marked, **files: str) -> Findings | None:
    sources = [Text(path, data.encode()) for path, data in files.items()]
    return inspection(*folders).inspect("folder", sources)


def test_a_file_is_what_its_format_says_or_nothing() -> None:
    known = inspection().inspect("file", [Text("x", b"b12")])
    assert known is not None
    assert (known.format, known.parameters) == ("b", 12)
    assert inspection().inspect("file", [Text("x", b"zzz")]) is None


def test_only_the_first_bytes_of_a_file_are_shown_to_the_formats() -> None:
    letters = Letters("a")
    Inspection([letters], []).inspect("file", [Text("x", b"z" * 10_000)])
    assert letters.heads == [4096]


def test_a_refusal_names_the_file_and_keeps_the_facts() -> None:
    with pytest.raises(Invalid) as refusal:
        folder(good="a1", bad="b!")
    assert refusal.value.message == "bad: its header lies"
    assert refusal.value.facts == {"at": 1, "path": "bad"}


def test_row_20_a_file_that_is_two_things_at_once_is_refused() -> None:
    twice = Inspection([Letters("a"), Letters("a")], [])
    with pytest.raises(Invalid, match="x can be read as a and as a"):
        twice.inspect("file", [Text("x", b"a")])


def test_mlflow_is_asked_before_hugging_face_and_both_before_others() -> None:
    others = (Marked("aardvark"), Marked("huggingface"), Marked("mlflow"))
    names = {"aardvark": "", "huggingface": "", "mlflow": ""}
    for expected in ("mlflow", "huggingface", "aardvark"):
        findings = folder(*others, **names)
        assert findings is not None
        assert findings.format == expected
        del names[expected]
    assert folder(*others, **names) is None


def test_a_layout_is_completed_with_what_its_files_say() -> None:
    findings = folder(Marked("mlflow"), mlflow="", one="a5", two="a6?", three="a7")
    assert findings == Findings(
        format="mlflow",
        parameters=12,
        details={"seen": 3, "files": {"one": "a", "two": "a", "three": "a"}},
        notes=("from the folder", "two: look out"),
    )


def test_a_layout_that_counts_parameters_itself_is_believed() -> None:
    findings = folder(Marked("mlflow", parameters=1), mlflow="", one="a5")
    assert findings is not None
    assert findings.parameters == 1


def test_a_layout_without_known_files_stands_alone() -> None:
    assert folder(Marked("mlflow"), mlflow="", other="zzz") == Findings(
        format="mlflow", details={"seen": 0}, notes=("from the folder",)
    )


def test_one_known_file_in_a_folder_speaks_for_it() -> None:
    findings = folder(readme="zzz", model="b7?")
    assert findings is not None
    assert findings.format == "b"
    assert findings.notes == ("model: look out",)
    assert findings.signature is not None


def test_shards_are_summed_and_the_heaviest_format_is_the_main_one() -> None:
    findings = folder(one="a5", two="a5", copy="b9", more="b")
    assert findings is not None
    assert (findings.format, findings.parameters) == ("a", 10)
    assert findings.framework == "5"
    assert findings.signature is None
    assert findings.details == {"files": {"one": "a", "two": "a", "copy": "b", "more": "b"}}


def test_files_of_different_frameworks_have_none_in_common() -> None:
    findings = folder(one="a5", two="a6")
    assert findings is not None
    assert findings.framework is None


def test_a_lone_main_file_keeps_its_signature() -> None:
    findings = folder(one="a50", two="b6")
    assert findings is not None
    assert findings.signature == Signature((TensorSpec("one", "x"),))


def test_without_parameters_the_most_common_format_is_the_main_one() -> None:
    findings = folder(one="ax", two="b", three="b")
    assert findings is not None
    assert (findings.format, findings.parameters) == ("b", None)


def test_notes_are_capped_and_counted() -> None:
    findings = folder(**{f"f{at}": "a?" for at in range(MAX_NOTES + 5)})
    assert findings is not None
    assert len(findings.notes) == MAX_NOTES + 1
    assert findings.notes[-1] == "and 5 more notes"


def test_five_thousand_files_are_inspected() -> None:
    files = [Text(f"f{at}", b"a1") for at in range(5000)]
    findings = inspection(Marked("mlflow")).inspect("folder", files)
    assert findings is not None
    assert findings.parameters == 5000


FULL = Findings(
    format="onnx",
    framework="onnx",
    parameters=5,
    signature=Signature(
        (TensorSpec("x", "float32", ("batch", None, 4)), TensorSpec("s", "string")), ()
    ),
    details={"opset": {"": 17}, "list": [1, None, {"a": "b"}]},
    notes=("look out",),
)


@pytest.mark.parametrize("findings", [FULL, Findings(format="zip")])
def test_the_sealed_form_comes_back_exactly(findings: Findings) -> None:
    assert findings_from_json(json.loads(json.dumps(findings_to_json(findings)))) == findings


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"format": None}, "format"),
        ({"framework": 1}, "framework"),
        ({"parameters": "many"}, "parameters"),
        ({"signature": []}, "signature"),
        ({"signature": {"inputs": 1, "outputs": []}}, "inputs"),
        ({"signature": {"inputs": [], "outputs": "abc"}}, "outputs"),
        ({"signature": {"inputs": [{"dtype": "x"}], "outputs": []}}, "name"),
        (
            {"signature": {"inputs": [{"name": "", "dtype": "", "shape": [[]]}], "outputs": []}},
            "shape",
        ),
        ({"details": []}, "details"),
        ({"notes": [1]}, "notes"),
    ],
)
def test_a_damaged_sealed_form_is_corrupt(change: dict[str, object], what: str) -> None:
    with pytest.raises(Corrupt, match=f"no acceptable {what}"):
        findings_from_json({**findings_to_json(FULL), **change})  # type: ignore[dict-item]
