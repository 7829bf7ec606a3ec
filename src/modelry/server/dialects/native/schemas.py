"""What the native API reads and answers, as OpenAPI shows it. Unknown fields are refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from modelry.server.dialects.native import shapes
from modelry.server.dialects.native.shapes import (
    AccountName,
    AliasName,
    Comment,
    Key,
    Label,
    Long,
    ModelName,
    Plain,
    ProjectName,
    RefText,
    Sha256,
    ShortText,
    StageName,
    TagText,
    Target,
    Text,
)

MAX_ITEMS = 1000

Whole = Annotated[StrictInt, Field(json_schema_extra=shapes.WHOLE)]
Number = Whole | StrictFloat
TagMap = Annotated[
    dict[str, TagText | StrictBool | Whole | StrictFloat | None],
    Field(json_schema_extra=shapes.KEYS),
]
Tags = TagMap | Annotated[list[Key], Field(json_schema_extra={"maxItems": MAX_ITEMS})]
Params = Annotated[dict[str, Any], Field(json_schema_extra=shapes.KEYS)]
Metrics = Annotated[dict[str, Number], Field(json_schema_extra=shapes.KEYS)]
DatasetName = Annotated[StrictStr, Field(json_schema_extra=shapes.told(shapes.TEXT, 1024))]


class Read(BaseModel):
    """A document that a caller sends."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """A document that the server answers."""

    model_config = ConfigDict(extra="allow")


class Problem(Answer):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    facts: dict[str, Any]
    request_id: str


class CreateModel(Read):
    """A new registered model."""

    name: ModelName
    project: ProjectName | None = Field(default=None, description="Without one: default.")
    project_id: ProjectName | None = Field(default=None, description="The same as `project`.")
    description: Long | None = None
    tags: Tags | None = Field(default=None, examples=[{"team": "risk"}])


class EnsureModel(Read):
    """A model that is to be there."""

    description: Long | None = None
    tags: Tags | None = None


class Describe(Read):
    """What may change about a model or a version; `tags` replaces all of them."""

    description: Long | None = None
    tags: Tags | None = None
    set_tags: TagMap | None = None
    remove_tags: list[Key] | None = None


class DatasetIn(Read):
    """A data set that a version was made from."""

    name: DatasetName
    digest: ShortText | None = None
    uri: ShortText | None = None


class FileIn(Read):
    """A file of a version: where it goes, and the bytes that are here already."""

    path: Annotated[StrictStr, Field(min_length=1, max_length=1024)]
    sha256: Sha256
    size: Annotated[StrictInt, Field(ge=0)]
    upload: Annotated[StrictStr, Field(max_length=1000)] | None = Field(
        default=None,
        description="The upload that brought the bytes; without it they must be in a version "
        "that the caller may read.",
    )


class CommitIn(Read):
    """The git commit that a version was made from."""

    sha: Annotated[Plain, Field(min_length=1, max_length=128)]
    branch: Plain | None = None
    remote: Plain | None = None
    dirty: StrictBool = False


class EnvironmentIn(Read):
    """The Python that registered a version and its packages."""

    python: Plain
    platform: Plain
    packages: dict[Plain, Plain] = Field(
        default={}, max_length=20_000, json_schema_extra={"additionalProperties": False}
    )


class CreateVersion(Read):
    """A new version. Without files it is known by its metadata alone."""

    version: (
        Label
        | Annotated[StrictInt, Field(json_schema_extra={"minimum": 1, "maximum": 10**15 - 1})]
        | None
    ) = Field(default=None, examples=["1.0.0"])
    description: Long | None = None
    metrics: Metrics | None = Field(default=None, examples=[{"auc": 0.91}])
    params: Params | None = None
    metadata: Params | None = Field(default=None, description="The same as `params`.")
    tags: Tags | None = None
    datasets: list[DatasetIn | DatasetName] = Field(default=[], max_length=MAX_ITEMS)
    run_id: Text | None = None
    artifact_version_id: Text | None = None
    base: RefText | None = None
    kind: Literal["file", "folder"] = "folder"
    files: list[FileIn] = Field(default=[], max_length=100_000)
    source: Text | None = Field(default=None, description="Where the bytes came from.")
    commit: CommitIn | None = None
    environment: EnvironmentIn | None = None
    again: StrictBool = Field(
        default=False, description="The same bytes under the same label answer what is there."
    )


class Transition(Read):
    """A move into a stage."""

    stage: StageName
    comment: Comment = ""
    displace: StageName | None = Field(
        default=None, description="archive, a stage, or keep; without it what the project says."
    )
    expect: Annotated[StrictStr, Field(json_schema_extra=shapes.EXPECTED)] | None = Field(
        default=None, description="The number that the stage must name now, or none."
    )


class Promote(Transition):
    """A promotion by ref."""

    ref: RefText


class RefAndComment(Read):
    """A version, and why."""

    ref: RefText
    comment: Comment = ""


class Rollback(Read):
    """A stage that goes back one step."""

    model: ModelName
    stage: StageName | None = None
    comment: Comment = ""


class SetAlias(Read):
    """An alias and the version that it is to name."""

    model: ModelName
    alias: AliasName
    ref: RefText
    comment: Comment = ""


class Deploy(Read):
    """A version that was brought somewhere."""

    ref: RefText
    target: Target
    comment: Comment = ""


class Digests(Read):
    """Digests of files."""

    digests: list[Sha256] = Field(max_length=100_000)


class BeginUpload(Read):
    """Bytes that are about to come."""

    size: Annotated[StrictInt, Field(ge=0, le=2**50)]
    sha256: Sha256


class CreateProject(Read):
    """A new project."""

    name: ProjectName


class StagesIn(Read):
    """The stages of a project, in their order."""

    stages: list[Any] = Field(max_length=100)
    project: ProjectName | None = Field(
        default=None, description="Not read; what GET answers has it."
    )


class RoleIn(Read):
    """A role."""

    role: Literal["reader", "publisher", "approver", "admin"]


class TrustPublisher(Read):
    """A pipeline that may publish without a stored secret."""

    issuer: Text = Field(examples=["https://token.actions.githubusercontent.com"])
    claims: dict[str, StrictStr] = Field(max_length=32, json_schema_extra={"minProperties": 1})
    account: AccountName
    role: Literal["reader", "publisher", "approver", "admin"] = "publisher"


class CreateAccount(Read):
    """A new account."""

    name: AccountName
    service: StrictBool = False


class CreateToken(Read):
    """A new token; it lasts 30 days where nothing else is said."""

    name: Annotated[StrictStr, Field(json_schema_extra=shapes.told(shapes.TEXT, 128, 0))]
    account: AccountName | None = Field(default=None, description="Without one: one's own.")
    project: ProjectName | None = None
    role: Literal["reader", "publisher", "approver", "admin"] | None = None
    lifetime_seconds: StrictInt | None = Field(
        default=None, json_schema_extra={"minimum": 1, "maximum": 366 * 86_400}
    )


class VerifyAudit(Read):
    """What to audit: a model, or everything; and what was seen earlier."""

    model: ModelName | None = None
    checkpoint: Annotated[StrictStr, Field(max_length=16_000_000)] | None = None


class VerifyBytes(Read):
    """What to read: a version, a model, or everything."""

    ref: RefText | None = None


class Collect(Read):
    """Which blobs are old enough to go, in seconds."""

    grace: (
        Annotated[StrictInt, Field(ge=0, le=10**9)]
        | Annotated[StrictFloat, Field(ge=0, le=10**9)]
        | None
    ) = None


class TakeIn(Read):
    """An archive that was uploaded."""

    upload: Annotated[StrictStr, Field(max_length=1000)]
    checkpoint: Annotated[StrictStr, Field(max_length=16_000_000)] | None = None


class VersionFile(Answer):
    """A file of a version."""

    path: str
    sha256: str
    size: int


class VersionDocument(Answer):
    """A version."""

    id: str
    ref: str
    model_id: str
    project: str
    name: str
    number: int
    version: str
    stage: str
    aliases: list[str]
    digest: str
    model_uri: str
    kind: str
    size: int
    files: list[VersionFile]
    metrics: dict[str, float]
    params: dict[str, Any]
    metadata: dict[str, Any]
    tags: dict[str, str]
    datasets: list[dict[str, Any]]
    description: str
    findings: dict[str, Any] | None
    source: str
    sealed: bool
    run_id: str | None
    artifact_version_id: str | None
    base: str | None
    commit: dict[str, Any] | None
    environment_digest: str
    author: str
    approved_by: str | None
    approved_at: str | None
    created_at: str
    updated_at: str


class DeploymentDocument(Answer):
    """A deployment."""

    ref: str
    project: str
    name: str
    seq: int
    number: int
    version: str
    target: str
    actor: str
    deployed_at: str
    comment: str


class ModelDocument(Answer):
    """A registered model."""

    id: str
    project: str
    project_id: str
    name: str
    full_name: str
    description: str
    tags: dict[str, str]
    author: str
    created_by: str
    created_at: str
    updated_at: str


class SummaryDocument(ModelDocument):
    """A model with its number of versions and its pointers."""

    versions: int
    pointers: list[dict[str, Any]]


class Page(Answer):
    """A page; `next` is the cursor of the one after it."""

    items: list[dict[str, Any]]
    next: str | None


class CountedPage(Page):
    """A page of which the total is known, unless it was asked for by cursor."""

    total: int | None
    skip: int
    limit: int


class Counts(Answer):
    """How many models and versions live."""

    total_models: int
    total_versions: int
    stages: dict[str, int]
    models_in_production: int | None = None


class Freed(Answer):
    """What was freed."""

    blobs: int
    bytes: int


class Upload(Answer):
    """An upload and how far it is."""

    id: str
    offset: int
    size: int
    sha256: str
    complete: bool


class Items(Answer):
    """A list."""

    items: list[Any]


class AnyDocument(Answer):
    """A document."""
