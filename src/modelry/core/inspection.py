"""What a version is, put together from what the formats say of each of its files.

Every format that recognises a file reads it, so that a file made to be two
things at once meets both of its readers and is refused. The order in which
formats are given makes no difference to a single file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from modelry.core.errors import Corrupt, Invalid, RegistryError
from modelry.core.model import Findings, Signature, TensorSpec

if TYPE_CHECKING:
    from modelry.core.model import Kind
    from modelry.core.ports import FileFormat, FolderFormat, SourceFile
    from modelry.core.strict_json import Json

HEAD = 4096
MAX_NOTES = 1000
_FIRST = ("mlflow", "huggingface")


class Inspection:
    """Asks the formats; folder layouts of ours are asked before those of plug-ins."""

    def __init__(self, files: Sequence[FileFormat], folders: Sequence[FolderFormat]) -> None:
        self._files = tuple(files)
        self._folders = tuple(sorted(folders, key=_rank))

    def inspect(self, kind: Kind, files: Sequence[SourceFile]) -> Findings | None:
        """Answer what the version is, None where no format knows it.

        Raises `Invalid`, naming the file, where a header lies or is broken.
        """
        found = {file.path: said for file in files if (said := self._file(file)) is not None}
        if kind == "file":
            return next(iter(found.values()), None)
        by_path = {file.path: file for file in files}
        layout = self._layout(by_path, found)
        return _folder(layout, found)

    def _file(self, file: SourceFile) -> Findings | None:
        with file.open() as source:
            head = source.read(HEAD)
        said: list[Findings] = []
        for one in self._files:
            if one.sniff(head, file.size):
                findings = _read(one, file)
                if findings is not None:
                    said.append(findings)
        if len(said) > 1:
            names = " and as ".join(one.format for one in said)
            msg = f"{file.path} can be read as {names}; a file must be one thing only"
            raise Invalid(msg, path=file.path)
        return said[0] if said else None

    def _layout(
        self, files: Mapping[str, SourceFile], found: Mapping[str, Findings]
    ) -> Findings | None:
        for one in self._folders:
            findings = one.read(files, found)
            if findings is not None:
                return findings
        return None


def findings_to_json(findings: Findings) -> dict[str, Json]:
    """Write findings as the JSON that is sealed with a version; absent facts are left out."""
    document: dict[str, Json] = {"format": findings.format}
    if findings.framework is not None:
        document["framework"] = findings.framework
    if findings.parameters is not None:
        document["parameters"] = findings.parameters
    if findings.signature is not None:
        document["signature"] = {
            "inputs": [_spec_to_json(spec) for spec in findings.signature.inputs],
            "outputs": [_spec_to_json(spec) for spec in findings.signature.outputs],
        }
    if findings.details:
        document["details"] = dict(findings.details)
    if findings.notes:
        document["notes"] = list(findings.notes)
    return document


def findings_from_json(document: Mapping[str, Json]) -> Findings:
    """Read what `findings_to_json` wrote. Raises `Corrupt` where it is anything else."""
    signature = document.get("signature")
    return Findings(
        format=_text(document.get("format"), "format"),
        framework=_text_or_none(document.get("framework"), "framework"),
        parameters=_whole_or_none(document.get("parameters")),
        signature=None if signature is None else _signature(_object(signature, "signature")),
        details=_object(document.get("details", {}), "details"),
        notes=tuple(_text(note, "notes") for note in _list(document.get("notes", []), "notes")),
    )


def _rank(folder: FolderFormat) -> int:
    return _FIRST.index(folder.name) if folder.name in _FIRST else len(_FIRST)


def _read(one: FileFormat, file: SourceFile) -> Findings | None:
    try:
        return one.read(file)
    except Invalid as error:
        facts = {**error.facts, "path": file.path}
        msg = f"{file.path}: {error.message}"
        raise Invalid(msg, **facts) from error
    except RegistryError:
        raise
    except Exception as error:
        msg = (
            f"{file.path}: the reader of {one.name} failed on it ({error!r}), so it is not taken; "
            "is the file damaged, or the plug-in that reads it?"
        )
        raise Invalid(msg, path=file.path, format=one.name) from error


def _folder(layout: Findings | None, found: Mapping[str, Findings]) -> Findings | None:
    """Add what the files said to what the layout says, or merge them without a layout."""
    main = layout if layout is not None else _main(found)
    if main is None:
        return None
    formats: dict[str, Json] = {path: said.format for path, said in found.items()}
    parameters = main.parameters if main.parameters is not None else _parameters(found)
    details = {**main.details, "files": formats} if formats else main.details
    notes = [f"{path}: {note}" for path, said in found.items() for note in said.notes]
    return replace(
        main, parameters=parameters, details=details, notes=_capped([*main.notes, *notes])
    )


def _main(found: Mapping[str, Findings]) -> Findings | None:
    """Answer the one file's findings, or what files of the main format have in common."""
    if len(found) == 1:
        return replace(next(iter(found.values())), notes=())
    heaviest = _heaviest(found)
    if heaviest is None:
        return None
    same = [said for said in found.values() if said.format == heaviest]
    frameworks = {said.framework for said in same}
    signature = same[0].signature if len(same) == 1 else None
    framework = frameworks.pop() if len(frameworks) == 1 else None
    return Findings(format=heaviest, framework=framework, signature=signature)


def _heaviest(found: Mapping[str, Findings]) -> str | None:
    """Name the format with the most parameters, else with the most files; ties by name."""
    parameters, files = _weights(found), Counter(said.format for said in found.values())
    return max(sorted(files), key=lambda name: (parameters[name], files[name]), default=None)


def _parameters(found: Mapping[str, Findings]) -> int | None:
    """Sum the shards of the format that has most; other formats may be copies of it."""
    most = max(_weights(found).values(), default=0)
    return most or None


def _weights(found: Mapping[str, Findings]) -> Counter[str]:
    weights: Counter[str] = Counter()
    for said in found.values():
        weights[said.format] += said.parameters or 0
    return weights


def _capped(notes: Sequence[str]) -> tuple[str, ...]:
    if len(notes) <= MAX_NOTES:
        return tuple(notes)
    return (*notes[:MAX_NOTES], f"and {len(notes) - MAX_NOTES:,} more notes")


def _spec_to_json(spec: TensorSpec) -> Json:
    shape: Json = None if spec.shape is None else list(spec.shape)
    return {"name": spec.name, "dtype": spec.dtype, "shape": shape}


def _signature(document: Mapping[str, Json]) -> Signature:
    inputs, outputs = (
        tuple(_spec(_object(one, side)) for one in _list(document.get(side), side))
        for side in ("inputs", "outputs")
    )
    return Signature(inputs, outputs)


def _spec(document: Mapping[str, Json]) -> TensorSpec:
    name, dtype = _text(document.get("name"), "name"), _text(document.get("dtype"), "dtype")
    shape = document.get("shape")
    if shape is None:
        return TensorSpec(name, dtype)
    return TensorSpec(name, dtype, tuple(_dimension(one) for one in _list(shape, "shape")))


def _dimension(value: Json) -> int | str | None:
    if value is None or isinstance(value, int | str):
        return value
    raise _corrupt(what="shape")


def _whole_or_none(value: Json) -> int | None:
    if value is None or isinstance(value, int):
        return value
    raise _corrupt(what="parameters")


def _text(value: Json, what: str) -> str:
    if isinstance(value, str):
        return value
    raise _corrupt(what)


def _text_or_none(value: Json, what: str) -> str | None:
    return None if value is None else _text(value, what)


def _object(value: Json, what: str) -> Mapping[str, Json]:
    if isinstance(value, Mapping):
        return value
    raise _corrupt(what)


def _list(value: Json, what: str) -> Sequence[Json]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    raise _corrupt(what)


def _corrupt(what: str) -> Corrupt:
    msg = f"the stored findings have no acceptable {what}; restore the version from a backup"
    return Corrupt(msg, what=what)
