"""Uploads that were begun, remembered so that the next run goes on where a killed one ended.

One small file for each, named by the server and the digest. It holds no
secret: the server shows an upload to the account that began it alone.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelry.blobs.locks import Lock
from modelry.durable import storing

WORTH_IT = 4 * 1024 * 1024
"""From this size on an upload is remembered; a smaller one is quickly sent again."""

_KEPT = 2 * 24 * 3600.0
"""Seconds after which the server has forgotten an upload for sure."""


class Session:
    """What is remembered of one upload; `file` is None where nothing is to be."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self.upload = _read(file) if file else None

    def remember(self, upload: str) -> None:
        """Keep the id of an upload."""
        self.upload = upload
        if self._file is not None:
            self._file.write_text(json.dumps({"upload": upload}), encoding="ascii")

    def forget(self) -> None:
        """Begin a new upload the next time."""
        self.upload = None
        if self._file is not None:
            self._file.write_text("", encoding="ascii")


class Sessions:
    """The uploads to one server that this user began, in a folder that processes share."""

    def __init__(self, folder: Path, server: str) -> None:
        self._folder = folder
        self._server = hashlib.sha256(server.encode()).hexdigest()[:16]

    @contextmanager
    def of(self, sha256: str, size: int) -> Iterator[Session]:
        """Answer what is remembered of the upload of a digest.

        It is this caller's alone until the end: where another process sends
        the same bytes right now, this one sends them for itself.
        """
        if size < WORTH_IT:
            yield Session()
            return
        file = self._file(sha256)
        with storing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = Lock.attempt(file, create=True)
        if lock is None:
            yield Session()
            return
        try:
            yield Session(file)
        finally:
            lock.release()

    def done(self, sha256: str) -> None:
        """Forget an upload whose bytes are in a version now."""
        with suppress(OSError):
            self._file(sha256).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what no server remembers any more."""
        old = time.time() - _KEPT
        with suppress(OSError):
            for path in self._folder.glob(f"{self._server}-*"):
                if path.stat().st_mtime < old:
                    path.unlink(missing_ok=True)

    def _file(self, sha256: str) -> Path:
        return self._folder / f"{self._server}-{sha256}"


def _read(file: Path) -> str | None:
    """Answer the id that is remembered, None for an empty, new or broken file."""
    try:
        upload = json.loads(file.read_text(encoding="ascii"))["upload"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return upload if isinstance(upload, str) and upload.isalnum() else None
