"""Registering at a server: hash here, ask, send what is missing, seal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from modelry.blobs.meter import Meter
from modelry.blobs.parallel import each
from modelry.blobs.tree import LocalSources
from modelry.core.documents import version_from
from modelry.core.draft import Draft
from modelry.core.errors import NotFound
from modelry.core.model import File, Version
from modelry.core.names import Ref
from modelry.core.ports import Progress, Source, SourceFile
from modelry.core.verbs.register import StoredTwice
from modelry.remotes.client.administration import segment
from modelry.remotes.client.sending import FileBytes, Sender
from modelry.remotes.client.sessions import Sessions
from modelry.remotes.client.wire import Wire
from modelry.remotes.hashing import hashed, with_digest
from modelry.surroundings import LocalSurroundings

_ATTEMPTS = 3
_ASKED = 1000
"""Digests in one question."""


class Registrar:
    """Registers local files and folders at one server."""

    def __init__(self, wire: Wire, sessions: Sessions) -> None:
        self._wire = wire
        self._sessions = sessions
        self._sender = Sender(wire, sessions)
        self._surroundings = LocalSurroundings()

    def register(
        self, ref: Ref, path: Path, draft: Draft, base: str | None, progress: Progress | None
    ) -> Version:
        """Seal the bytes at `path` as a new version of `ref`, or answer the one that they are.

        The server is asked for the version before a byte is sent: whatever it
        refuses, it refuses then, and where it has all bytes none is sent.
        """
        source = LocalSources().open(path)
        draft = replace(draft, datasets=tuple(with_digest(every) for every in draft.datasets))
        files = hashed(source, progress)
        body = {**self._said(path, draft, base), "kind": source.kind}
        uploads: dict[str, str] = {}
        for _ in range(_ATTEMPTS):
            sealed = self._seal(ref, body, files, uploads)
            if isinstance(sealed, Version):
                for sha256 in uploads:
                    self._sessions.done(sha256)
                return sealed
            lacking = sealed
            uploads = self._bring(source, files, progress)
        raise lacking

    def _said(self, path: Path, draft: Draft, base: str | None) -> dict[str, Any]:
        """Answer everything about a version but its bytes."""
        commit, environment = self._surroundings.commit(path), self._surroundings.environment()
        given = {
            "version": draft.version,
            "description": draft.description,
            "metrics": draft.metrics,
            "params": draft.params,
            "tags": draft.tags,
            "datasets": [asdict(dataset) for dataset in draft.datasets],
            "run_id": draft.run_id,
            "base": base,
            "source": str(path.absolute()),
            "commit": None if commit is None else asdict(commit),
            "environment": asdict(environment),
            "again": True,
        }
        return {name: value for name, value in given.items() if value is not None}

    def _seal(
        self, ref: Ref, body: Mapping[str, Any], files: Sequence[File], uploads: Mapping[str, str]
    ) -> Version | NotFound:
        """Ask for the version; answer it, or the refusal that names bytes which must come first."""
        rows = [
            {"path": file.path, "sha256": file.sha256, "size": file.size,
             **({"upload": uploads[file.sha256]} if file.sha256 in uploads else {})}
            for file in files
        ]  # fmt: skip
        path = f"/registry/models/{segment(f'{ref.project}/{ref.name}')}/versions"
        try:
            made = self._wire.send("POST", path, {**body, "files": rows})
        except NotFound as error:
            if any(error.facts.get("sha256") == file.sha256 for file in files):
                return error
            raise
        for note in made.get("notes") or ():
            self._surroundings.warn(str(note), StoredTwice)
        return version_from(made)

    def _bring(
        self, source: Source, files: Sequence[File], progress: Progress | None
    ) -> dict[str, str]:
        """Send every blob that the server does not have, each once; answer the uploads by digest."""
        self._sessions.sweep()
        sources: dict[str, SourceFile] = {
            known.sha256: file for file, known in zip(source.files, files, strict=True)
        }
        missing = self._missing(list(sources))
        wanted = [FileBytes(sources[sha256], sha256) for sha256 in missing]
        meter = Meter("uploading", sum(given.size for given in wanted), progress)
        uploads: dict[str, str] = {}

        def send(given: FileBytes) -> None:
            uploads[given.sha256] = self._sender.send(given, meter)

        each(send, sorted(wanted, key=lambda given: -given.size), meter)
        meter.finish()
        return uploads

    def _missing(self, digests: Sequence[str]) -> list[str]:
        """Answer the digests of which the server needs the bytes."""
        found: list[str] = []
        for at in range(0, len(digests), _ASKED):
            body = {"digests": digests[at : at + _ASKED]}
            found += self._wire.send("POST", "/registry/uploads/missing", body)["missing"]
        known = set(digests)
        return [sha256 for sha256 in found if sha256 in known]
