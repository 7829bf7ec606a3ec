"""The nouns: what a registry holds, as frozen dataclasses that know no storage.

Times inside the core are whole microseconds since 1970-01-01 UTC; the nouns
show them as aware `datetime`s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Generic, Literal, TypeVar
from uuid import UUID

from modelry.core.strict_json import Json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_UIDS = UUID("a3a1d9c6-54a0-4f0b-8d0c-0c7d5d6f2b71").bytes

Number = int | float
Kind = Literal["file", "folder"]
T = TypeVar("T")


def moment(micros: int) -> datetime:
    """Answer the aware time that `micros` (microseconds since 1970 UTC) names."""
    return _EPOCH + timedelta(microseconds=micros)


def micros(when: datetime) -> int:
    """Answer `when` as microseconds since 1970 UTC; a naive time is taken as UTC."""
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def uid(project: str, name: str, number: int | None = None) -> str:
    """Answer the opaque id of a model, or of a version of it: a UUID that tells nothing.

    It follows from the names, which are never given out twice (RFC 9562, version 5).
    """
    text = f"{project.lower()}/{name.lower()}"
    named = text if number is None else f"{text}:{number}"
    found = hashlib.sha1(_UIDS + named.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(found[16], 16) & 3]
    return f"{found[:8]}-{found[8:12]}-5{found[13:16]}-{variant}{found[17:20]}-{found[20:32]}"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a version: relative path, sha256 as 64 hex digits, size in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set that a version was made from; the digest says which bytes, where known."""

    name: str
    digest: str | None = None
    uri: str | None = None


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A named tensor; a dimension is a size, a symbol such as `batch`, or None if unknown."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes and what it answers."""

    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the content of a file or folder says about itself.

    `format` is the container (`onnx`, `safetensors`, `mlflow` ...), `framework`
    what made or runs it, `parameters` a count of numbers, `details` whatever
    else the format tells, `notes` what a person should know (for example the
    globals that a pickle would import).
    """

    format: str
    framework: str | None = None
    parameters: int | None = None
    signature: Signature | None = None
    details: Mapping[str, Json] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """The state of the git checkout that a registered path lies in."""

    sha: str
    branch: str | None = None
    remote: str | None = None
    dirty: bool = False


@dataclass(frozen=True, slots=True)
class Environment:
    """The Python that registered a version and the packages it could see."""

    python: str
    platform: str
    packages: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Version:
    """A sealed list of files with its metadata, and where it stands now."""

    id: int
    project: str
    name: str
    number: int
    version: str
    stage: str
    aliases: tuple[str, ...]
    digest: str
    kind: Kind
    files: tuple[File, ...]
    size: int
    metrics: Mapping[str, Number]
    params: Mapping[str, Json]
    tags: Mapping[str, str]
    datasets: tuple[Dataset, ...]
    description: str
    findings: Findings | None
    source: str
    run_id: str | None
    base: str | None
    commit: Commit | None
    environment: str
    author: str
    created: int
    deleted: int | None = None
    purged: int | None = None

    def __repr__(self) -> str:
        """Say which version it is in one line, however many files and metrics it has."""
        count = f"{len(self.files)} file{'s' if len(self.files) != 1 else ''}"
        facts = f"{self.ref} {self.version!r} in {self.stage}, {count}, {self.size} bytes"
        return f"<Version {facts}, {self.digest[:19]}>"

    @property
    def created_at(self) -> datetime:
        """When it was registered, by the registry's clock."""
        return moment(self.created)

    @property
    def uid(self) -> str:
        """The opaque id, a UUID."""
        return uid(self.project, self.name, self.number)

    @property
    def sealed(self) -> bool:
        """Whether the registry holds all there is of it: no bytes are elsewhere, named alone."""
        return bool(self.files) or not self.source

    @property
    def model_uri(self) -> str:
        """The name that MLflow's tools also understand: `models:/name/number`."""
        return f"models:/{self.full_name}/{self.number}"

    @property
    def full_name(self) -> str:
        """The model's name, with its project where that is not `default`."""
        return self.name if self.project == "default" else f"{self.project}/{self.name}"

    @property
    def ref(self) -> str:
        """The exact ref of this version, `name:number`."""
        return f"{self.full_name}:{self.number}"


@dataclass(frozen=True, slots=True)
class Pointer:
    """A name in a model that points at one version.

    `entry` is the sequence number of the event that first put this target here
    (a rollback returns to an older entry); `since` that of the last move.
    """

    name: str
    kind: Literal["stage", "alias"]
    number: int
    entry: int
    since: int


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a pointer: at event `seq` it came to name `number`, or nothing.

    `entry` is the entry it stands on now and `below` the one that a rollback returns to.
    """

    name: str
    kind: Literal["stage", "alias"]
    seq: int
    number: int | None
    entry: int
    below: int | None
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A named line of versions in a project."""

    id: int
    project: str
    name: str
    description: str
    tags: Mapping[str, str]
    last_number: int
    author: str
    created: int
    updated: int
    deleted: int | None = None

    @property
    def created_at(self) -> datetime:
        """When the model came to be."""
        return moment(self.created)

    @property
    def uid(self) -> str:
        """The opaque id, a UUID."""
        return uid(self.project, self.name)

    @property
    def updated_at(self) -> datetime:
        """When anything in the model last changed."""
        return moment(self.updated)

    @property
    def full_name(self) -> str:
        """The model's name, with its project where that is not `default`."""
        return self.name if self.project == "default" else f"{self.project}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """That somebody brought a version to a target: a cluster, a service, a device.

    `seq` is the sequence number of its event in the history of the model,
    `version` the label, `at` microseconds since 1970 UTC.
    """

    project: str
    name: str
    seq: int
    number: int
    version: str
    target: str
    actor: str
    at: int
    comment: str = ""

    @property
    def deployed_at(self) -> datetime:
        """When it was recorded, by the registry's clock."""
        return moment(self.at)

    @property
    def ref(self) -> str:
        """The exact ref of the version that was deployed, `name:number`."""
        name = self.name if self.project == "default" else f"{self.project}/{self.name}"
        return f"{name}:{self.number}"


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a version last changed; who last promoted it to the stage asked for, and when."""

    updated: int
    approver: str | None = None
    approved: int | None = None


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """A model as a list shows it: how many versions live, and what its pointers name."""

    model: Model
    versions: int
    pointers: tuple[Pointer, ...]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a longer answer; `next` continues it, None at the end."""

    items: tuple[T, ...]
    next: str | None = None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
