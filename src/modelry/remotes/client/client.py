"""The registry of a modelry server: every verb as a request, every byte verified here.

What can be checked without the server is checked here first, in the same
words as in an embedded registry; what the server refuses is raised as the
error that it was there.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from modelry.core.comparison import Comparison, compare
from modelry.core.documents import (
    deployment_from,
    event_from,
    model_from,
    summary_from,
    version_from,
)
from modelry.core.draft import DatasetInput, TagsInput, checked_tags, draft
from modelry.core.events import EVERYTHING, Event, LogFilter
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import Deployment, Environment, Model, ModelSummary, Page, Version
from modelry.core.names import check_project, parse_model, parse_ref
from modelry.core.ports import Progress
from modelry.core.verbs import audit as audits
from modelry.core.verbs import export as exports
from modelry.core.verbs import look, remove
from modelry.remotes.client import asked, carrying, decoding, looking
from modelry.remotes.client.administration import ClientAdministration, segment
from modelry.remotes.client.cache import Cache
from modelry.remotes.client.placing import place
from modelry.remotes.client.registering import Registrar
from modelry.remotes.client.sending import Sender
from modelry.remotes.client.sessions import Sessions
from modelry.remotes.client.speaking import spoken
from modelry.remotes.client.wire import LONG, Ask, Wire

PathInput = str | os.PathLike[str]


class Client:
    """A registry at a server. Safe to share between threads.

    Use it as a context to close it. `home` holds what was fetched (`cache`,
    `use`) and what is being sent (`uploads`).
    """

    def __init__(self, wire: Wire, home: Path) -> None:
        self._wire = wire
        self._home = home
        self._cache = Cache(home / "cache")
        self._cache_size: int | None = None
        self._sessions = Sessions(home / "uploads", str(wire.address))

    def __repr__(self) -> str:
        return f"<Client of {self._wire.address}>"

    @property
    def admin(self) -> ClientAdministration:
        """Accounts, members, tokens and trusted publishers."""
        return ClientAdministration(self._wire)

    def limit_cache(self, size: int) -> None:
        """Leave at most `size` bytes in the cache after each `use`."""
        self._cache_size = size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def whoami(self) -> Mapping[str, Any]:
        """Answer who the server takes this client for: account, roles by project, token."""
        found: Mapping[str, Any] = self._wire.get("/registry/me")
        return found

    def spoken(self, ask: Ask) -> Mapping[str, Any]:
        """Answer what the server says in the protocol of another registry; see `speaking`."""
        return spoken(self._wire, ask)

    def close(self) -> None:
        """Give back connections and files."""
        self._wire.close()
        self._cache.close()

    # Registering and describing

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
        """Seal a file or folder as a new version of a model, which comes to be if it is new.

        Only bytes that the server lacks are sent; a run that was killed is
        gone on with by the next. Git commit and Python environment are those
        of this machine, author and time the server's. Raises what the embedded
        registry raises.
        """
        checked = draft(
            version=version,
            metrics=metrics,
            params=params,
            tags=tags,
            datasets=datasets,
            description=description,
            run_id=run_id,
        )
        ref = parse_model(name)
        base_ref = str(parse_ref(base)) if base else None
        registrar = Registrar(self._wire, self._sessions)
        return registrar.register(ref, Path(source), checked, base_ref, progress)

    def create_model(
        self, name: str, *, description: str = "", tags: TagsInput | None = None
    ) -> Model:
        """Make a model before its first version; answers the one that is there already."""
        body = {"description": description, "tags": checked_tags(tags or {})}
        params = {"model": asked.model(name)}
        return model_from(self._wire.send("PUT", "/registry/models", body, params=params))

    def tag(self, ref: str, tags: TagsInput | None = None, *, remove: Iterable[str] = ()) -> None:
        """Set and remove tags of a version, or of a model where `ref` names no version."""
        body = {"set_tags": checked_tags(tags or {}), "remove_tags": list(remove)}
        self._wire.send("PATCH", "/registry/refs", body, params={"ref": asked.ref(ref)})

    def describe(self, ref: str, description: str) -> None:
        """Replace the description of a version, or of a model where `ref` names no version."""
        body = {"description": description}
        self._wire.send("PATCH", "/registry/refs", body, params={"ref": asked.ref(ref)})

    # Stages and aliases

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
        body = {"ref": asked.ref(ref), "stage": stage, "comment": comment, "displace": displace,
                "expect": expect}  # fmt: skip
        return self._version("/registry/promotions", body)

    def archive(self, ref: str, *, comment: str = "") -> Version:
        """Retire a version to the archive stage; a stage that named it names nothing then."""
        return self._version("/registry/archivals", {"ref": asked.ref(ref), "comment": comment})

    def rollback(self, name: str, stage: str | None = None, *, comment: str = "") -> Version:
        """Bring back the version that a stage (production) named before."""
        body = {"model": asked.model(name), "stage": stage, "comment": comment}
        return self._version("/registry/rollbacks", body)

    def alias(self, name: str, alias_name: str, ref: str, *, comment: str = "") -> Version:
        """Point an alias of a model at a version: a label, a number or a whole ref of it."""
        body = {"model": asked.model(name), "alias": alias_name, "ref": ref, "comment": comment}
        return self._version("/registry/aliases", body)

    def remove_alias(self, name: str, alias_name: str, *, comment: str = "") -> None:
        """Take an alias away from a model."""
        params = {"model": asked.model(name), "alias": alias_name, "comment": comment}
        self._wire.send("DELETE", "/registry/aliases", params=params)

    def _version(self, path: str, body: Mapping[str, Any]) -> Version:
        given = {name: value for name, value in body.items() if value is not None}
        return version_from(self._wire.send("POST", path, given))

    # Deployments

    def deploy(self, ref: str, target: str, *, comment: str = "") -> Deployment:
        """Record that a registered version was brought to `target`: when, where, by whom."""
        body = {"ref": asked.ref(ref), "target": asked.target(target), "comment": comment}
        return deployment_from(self._wire.send("POST", "/registry/deployments", body))

    def deployments(
        self,
        name: str,
        *,
        target: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Deployment]:
        """List where versions of a model were deployed, latest first: to one target or to all."""
        named = {"model": asked.model(name), "target": asked.target(target)}
        found = self._wire.get("/registry/deployments", {**named, **asked.page(limit, cursor)})
        return decoding.page_from(found, deployment_from)

    # Looking

    def resolve(self, ref: str) -> Version:
        """Answer the version that `ref` names now."""
        return version_from(self._wire.get("/registry/resolve", {"ref": asked.ref(ref)}))

    def resolve_again(self, ref: str, seen: str | None) -> tuple[str | None, Version | None]:
        """Answer the version that `ref` names and its ETag; no version where `seen` still holds."""
        return looking.resolve_again(self._wire, asked.ref(ref), seen)

    def use(
        self, ref: str, *, to: PathInput | None = None, progress: Progress | None = None
    ) -> Path:
        """Bring the files of a version to a local place that is ready to load, and answer it.

        What was fetched before is not fetched again, and a fetch that broke
        off is gone on with. Every byte is verified.
        """
        version = look.with_files(self.resolve(ref))
        try:
            return place(
                self._wire, self._cache, self._home / "use", version,
                None if to is None else Path(to), progress,
            )  # fmt: skip
        finally:
            self._cache.fit(self._cache_size)

    def model(self, name: str) -> ModelSummary:
        """Answer a model with the number of its versions and its pointers."""
        return summary_from(self._wire.get(f"/registry/models/{segment(asked.model(name))}"))

    def models(
        self, project_name: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Page[ModelSummary]:
        """List models by name, of one project or of all."""
        params = {"project": asked.project(project_name), **asked.page(limit, cursor)}
        return decoding.page_from(self._wire.get("/registry/models", params), summary_from)

    def versions(
        self,
        name: str,
        *,
        stage: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Version]:
        """List the versions of a model, newest first, of one stage or of all."""
        path = f"/registry/models/{segment(asked.model(name))}/versions"
        found = self._wire.get(path, {"stage": stage or None, **asked.page(limit, cursor)})
        return decoding.page_from(found, version_from)

    def search(
        self,
        query: str = "",
        *,
        project_name: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Version]:
        """Find versions: `fraud metrics.auc >= 0.9 and stage = production order by metrics.auc desc`."""
        params = {"q": query, "project": asked.project(project_name), **asked.page(limit, cursor)}
        return decoding.page_from(self._wire.get("/registry/search", params), version_from)

    def compare(
        self, *refs: str, lower: Collection[str] = (), higher: Collection[str] = ()
    ) -> Comparison:
        """Set versions side by side; `lower` and `higher` name metrics that the name misleads."""
        named = [asked.ref(ref) for ref in refs]
        params = {"ref": named, "lower": list(lower), "higher": list(higher)}
        found = [version_from(e) for e in self._wire.get("/registry/compare", params)["versions"]]
        return compare(found, lower, higher)

    def history(
        self,
        ref: str,
        *,
        as_of: datetime | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> look.History:
        """Answer what happened to a model or a version, newest first, and its pointers."""
        params = {
            "ref": asked.ref(ref),
            "as_of": decoding.time_text(as_of),
            **asked.page(limit, cursor),
        }
        return decoding.history_from(self._wire.get("/registry/history", params))

    def project_history(
        self, project_name: str = "default", *, limit: int = 100, cursor: str | None = None
    ) -> look.History:
        """Answer what happened to a project itself, newest first: its making, its stages."""
        path = f"/registry/projects/{segment(check_project(project_name))}/history"
        return decoding.history_from(self._wire.get(path, asked.page(limit, cursor)))

    def log(
        self,
        *,
        project_name: str | None = None,
        wanted: LogFilter = EVERYTHING,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Event]:
        """List what happened in every project that the actor may read, latest first."""
        filtered = asked.filtered(wanted)
        if filtered["kind"] == []:
            return Page(())
        params = {
            "project": asked.project(project_name),
            **filtered,
            **asked.page(limit, cursor),
        }
        return decoding.page_from(self._wire.get("/registry/audit", params), event_from)

    def environment(self, ref: str) -> Environment:
        """Answer the Python and the packages that a version was registered from."""
        found = self._wire.get("/registry/environment", {"ref": asked.ref(ref)})
        return decoding.environment_from(found)

    # Taking away and keeping in order

    def delete(self, ref: str, *, comment: str = "") -> None:
        """Leave a tombstone: number, label and history stay and are not given out again."""
        params = {"ref": asked.ref(ref), "comment": comment}
        self._wire.send("DELETE", "/registry/refs", params=params)

    def purge(self, ref: str, *, comment: str = "") -> remove.Collected:
        """Free the bytes of a deleted version and answer how many."""
        body = {"ref": asked.ref(ref), "comment": comment}
        return decoding.collected_from(self._wire.send("POST", "/registry/purges", body))

    def gc(
        self, *, grace: float = remove.GRACE, progress: Progress | None = None
    ) -> remove.Collected:
        """Remove blobs older than `grace` seconds that no version names; safe at any time.

        The work is the server's: `progress` is not called.
        """
        del progress
        body = {"grace": grace}
        found = self._wire.send("POST", "/registry/collections", body, seconds=LONG)
        return decoding.collected_from(found)

    def verify(
        self, ref: str | None = None, *, progress: Progress | None = None
    ) -> look.Verification:
        """Read every byte of a version, of a model or of everything; answer what is damaged.

        The server reads them: `progress` is not called.
        """
        del progress
        body = {} if ref is None else {"ref": asked.ref(ref)}
        found = self._wire.send("POST", "/registry/verifications", body, seconds=LONG)
        return decoding.verification_from(found)

    def audit(
        self,
        name: str | None = None,
        *,
        checkpoint: audits.Checkpoint | None = None,
        progress: Progress | None = None,
    ) -> audits.Audit:
        """Verify every record's chain, every seal, and that the state is what the records tell.

        The server follows them: `progress` is not called.
        """
        del progress
        body = {} if name is None else {"model": asked.model(name)}
        if checkpoint is not None:
            body["checkpoint"] = audits.checkpoint_to_text(checkpoint)
        found = self._wire.send("POST", "/registry/audit/verifications", body, seconds=LONG)
        return decoding.audit_from(found)

    def checkpoint(self) -> audits.Checkpoint:
        """Answer the last record of every chain, to be kept elsewhere."""
        return audits.checkpoint_from_text(self._wire.content("/registry/audit/checkpoint"))

    # Projects

    def create_project(self, name: str) -> Lifecycle:
        """Make a project with the usual stages; answers the stages of one that is there."""
        body = {"name": name}
        return decoding.lifecycle_from(self._wire.send("POST", "/registry/projects", body))

    def projects(self) -> Sequence[str]:
        """Name every project that the actor may read."""
        return list(self._wire.get("/registry/projects")["items"])

    def stages(self, project_name: str = "default") -> Lifecycle:
        """Answer the stages of a project."""
        return decoding.lifecycle_from(self._wire.get(asked.stages(project_name)))

    def configure_stages(
        self, stages: Sequence[object], project_name: str = "default"
    ) -> Lifecycle:
        """Replace the stages of a project: names, or objects with the fields of `Stage`."""
        body = {"stages": list(stages)}
        return decoding.lifecycle_from(self._wire.send("PUT", asked.stages(project_name), body))

    # Carrying elsewhere

    def export(
        self, stream: BinaryIO, name: str | None = None, *, progress: Progress | None = None
    ) -> exports.Carried:
        """Write the whole registry, or one model, with history and bytes to a stream."""
        ref = None if name is None else parse_model(name)
        return carrying.export(self._wire, stream, ref, progress)

    def import_(self, stream: BinaryIO, *, progress: Progress | None = None) -> exports.Carried:
        """Take in the models of an export (a seekable stream), verified."""
        return self._carry("/registry/imports", stream, {}, progress)

    def restore(
        self,
        stream: BinaryIO,
        *,
        checkpoint: audits.Checkpoint | None = None,
        progress: Progress | None = None,
    ) -> exports.Carried:
        """Fill this registry, which must be empty, from an export of a whole one."""
        more = {} if checkpoint is None else {"checkpoint": audits.checkpoint_to_text(checkpoint)}
        return self._carry("/registry/restorations", stream, more, progress)

    def _carry(
        self, path: str, stream: BinaryIO, more: Mapping[str, Any], progress: Progress | None
    ) -> exports.Carried:
        sender = Sender(self._wire, self._sessions)
        return carrying.take_in(self._wire, sender, path, stream, more, progress)
