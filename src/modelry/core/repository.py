"""What every registry answers, wherever it is: embedded, or a server over HTTP.

A caller changes registries by changing a URI. `Registry` and `Administration`
say of each verb what it promises.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from modelry.core.access import Role
from modelry.core.accounts import Account, Member, Publisher, Token
from modelry.core.comparison import Comparison
from modelry.core.draft import DatasetInput, TagsInput
from modelry.core.events import EVERYTHING, Event, LogFilter
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import Deployment, Environment, Model, ModelSummary, Page, Version
from modelry.core.ports import Progress
from modelry.core.verbs import audit as audits
from modelry.core.verbs import export as exports
from modelry.core.verbs import look, remove, tokens

PathInput = str | os.PathLike[str]


class AdministrationRepository(Protocol):
    """The verbs about people and programs."""

    def create_account(self, name: str, *, service: bool = False) -> Account:
        """Make an account of a person, or of a service; answers one that is there."""
        ...

    def disable_account(self, name: str) -> Account:
        """Shut an account out, with all its tokens, at once."""
        ...

    def enable_account(self, name: str) -> Account:
        """Let a disabled account in again."""
        ...

    def accounts(self) -> Sequence[Account]:
        """List every account by name."""
        ...

    def set_member(self, project: str, account: str, role: str | Role) -> Member:
        """Give an account a role in a project (`*`: everywhere), in place of the one it has."""
        ...

    def remove_member(self, project: str, account: str) -> None:
        """Take an account's role in a project away."""
        ...

    def members(self, project: str) -> Sequence[Member]:
        """List who has a role in a project, by name."""
        ...

    def create_token(
        self,
        account: str,
        name: str,
        *,
        project: str | None = None,
        role: str | Role | None = None,
        lifetime: timedelta | None = None,
    ) -> tokens.NewToken:
        """Make a token; its secret is shown this once. It lasts 30 days where nobody says else."""
        ...

    def tokens(self, account: str | None = None) -> Sequence[Token]:
        """List the tokens of an account, or of all; never their secrets."""
        ...

    def revoke_token(self, token_id: str) -> None:
        """End a token at once, in every process."""
        ...

    def trust_publisher(
        self,
        project: str,
        issuer: str,
        claims: Mapping[str, str],
        account: str,
        role: str | Role = Role.PUBLISHER,
    ) -> Publisher:
        """Let pipelines whose OIDC token has these claims act as a service account."""
        ...

    def publishers(self, project: str) -> Sequence[Publisher]:
        """List the pipelines that a project trusts."""
        ...

    def distrust_publisher(self, project: str, publisher_id: str) -> None:
        """Trust a pipeline no more."""
        ...


class RegistryRepository(Protocol):
    """The verbs that a caller sees."""

    def __enter__(self) -> Self:
        """Use the registry as a context that closes it."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give back connections and files."""
        ...

    @property
    def admin(self) -> AdministrationRepository:
        """Accounts, members, tokens and trusted publishers."""
        ...

    def close(self) -> None:
        """Give back connections and files."""
        ...

    def register(  # noqa: PLR0913 - a version has this many facts
        self,
        name: str,
        source: PathInput,
        *,
        version: str | int | None = None,
        metrics: Mapping[str, object] | None = None,
        params: Mapping[str, object] | None = None,
        tags: TagsInput | None = None,
        datasets: Sequence[DatasetInput] = (),
        description: str | None = None,
        run_id: str | None = None,
        base: str | None = None,
        progress: Progress | None = None,
    ) -> Version:
        """Seal a file or folder as a new version of a model, which comes to be if it is new."""
        ...

    def create_model(
        self, name: str, *, description: str = "", tags: TagsInput | None = None
    ) -> Model:
        """Make a model before its first version; answers the one that is there already."""
        ...

    def tag(self, ref: str, tags: TagsInput | None = None, *, remove: Iterable[str] = ()) -> None:
        """Set and remove tags of a version, or of a model where `ref` names no version."""
        ...

    def describe(self, ref: str, description: str) -> None:
        """Replace the description of a version, or of a model where `ref` names no version."""
        ...

    def promote(
        self,
        ref: str,
        stage: str,
        *,
        comment: str = "",
        displace: str | None = None,
        expect: str | None = None,
    ) -> Version:
        """Move a version into a stage, where it becomes what `model@stage` names."""
        ...

    def archive(self, ref: str, *, comment: str = "") -> Version:
        """Retire a version to the archive stage; a stage that named it names nothing then."""
        ...

    def rollback(self, name: str, stage: str | None = None, *, comment: str = "") -> Version:
        """Bring back the version that a stage (production) named before."""
        ...

    def alias(self, name: str, alias_name: str, ref: str, *, comment: str = "") -> Version:
        """Point an alias of a model at a version: a label, a number or a whole ref of it."""
        ...

    def remove_alias(self, name: str, alias_name: str, *, comment: str = "") -> None:
        """Take an alias away from a model."""
        ...

    def deploy(self, ref: str, target: str, *, comment: str = "") -> Deployment:
        """Record that a registered version was brought to `target`: when, where, by whom."""
        ...

    def deployments(
        self,
        name: str,
        *,
        target: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Deployment]:
        """List where versions of a model were deployed, latest first: to one target or to all."""
        ...

    def resolve(self, ref: str) -> Version:
        """Answer the version that `ref` names now."""
        ...

    def use(
        self, ref: str, *, to: PathInput | None = None, progress: Progress | None = None
    ) -> Path:
        """Bring the files of a version to a local place that is ready to load, and answer it."""
        ...

    def model(self, name: str) -> ModelSummary:
        """Answer a model with the number of its versions and its pointers."""
        ...

    def models(
        self, project_name: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Page[ModelSummary]:
        """List models by name, of one project or of all."""
        ...

    def versions(
        self,
        name: str,
        *,
        stage: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Version]:
        """List the versions of a model, newest first, of one stage or of all."""
        ...

    def search(
        self,
        query: str = "",
        *,
        project_name: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Version]:
        """Find versions: `fraud metrics.auc >= 0.9 and stage = production order by metrics.auc desc`."""
        ...

    def compare(
        self, *refs: str, lower: Collection[str] = (), higher: Collection[str] = ()
    ) -> Comparison:
        """Set versions side by side; `lower` and `higher` name metrics that the name misleads."""
        ...

    def history(
        self,
        ref: str,
        *,
        as_of: datetime | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> look.History:
        """Answer what happened to a model or a version, newest first, and its pointers."""
        ...

    def project_history(
        self, project_name: str = "default", *, limit: int = 100, cursor: str | None = None
    ) -> look.History:
        """Answer what happened to a project itself, newest first: its making, its stages."""
        ...

    def log(
        self,
        *,
        project_name: str | None = None,
        wanted: LogFilter = EVERYTHING,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Event]:
        """List what happened in every project that the actor may read, latest first."""
        ...

    def environment(self, ref: str) -> Environment:
        """Answer the Python and the packages that a version was registered from."""
        ...

    def delete(self, ref: str, *, comment: str = "") -> None:
        """Leave a tombstone: number, label and history stay and are not given out again."""
        ...

    def purge(self, ref: str, *, comment: str = "") -> remove.Collected:
        """Free the bytes of a deleted version and answer how many."""
        ...

    def gc(
        self, *, grace: float = remove.GRACE, progress: Progress | None = None
    ) -> remove.Collected:
        """Remove blobs older than `grace` seconds that no version names; safe at any time."""
        ...

    def verify(
        self, ref: str | None = None, *, progress: Progress | None = None
    ) -> look.Verification:
        """Read every byte of a version, of a model or of everything; answer what is damaged."""
        ...

    def audit(
        self,
        name: str | None = None,
        *,
        checkpoint: audits.Checkpoint | None = None,
        progress: Progress | None = None,
    ) -> audits.Audit:
        """Verify every record's chain, every seal, and that the state is what the records tell."""
        ...

    def checkpoint(self) -> audits.Checkpoint:
        """Answer the last record of every chain, to be kept elsewhere."""
        ...

    def create_project(self, name: str) -> Lifecycle:
        """Make a project with the usual stages; answers the stages of one that is there."""
        ...

    def projects(self) -> Sequence[str]:
        """Name every project that the actor may read."""
        ...

    def stages(self, project_name: str = "default") -> Lifecycle:
        """Answer the stages of a project."""
        ...

    def configure_stages(
        self, stages: Sequence[object], project_name: str = "default"
    ) -> Lifecycle:
        """Replace the stages of a project: names, or objects with the fields of `Stage`."""
        ...

    def export(
        self, stream: BinaryIO, name: str | None = None, *, progress: Progress | None = None
    ) -> exports.Carried:
        """Write the whole registry, or one model, with history and bytes to a stream."""
        ...

    def import_(self, stream: BinaryIO, *, progress: Progress | None = None) -> exports.Carried:
        """Take in the models of an export (a seekable stream), verified."""
        ...

    def restore(
        self,
        stream: BinaryIO,
        *,
        checkpoint: audits.Checkpoint | None = None,
        progress: Progress | None = None,
    ) -> exports.Carried:
        """Fill this registry, which must be empty, from an export of a whole one."""
        ...
