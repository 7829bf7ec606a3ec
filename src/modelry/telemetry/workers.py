"""One set of figures for a server of several worker processes."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PROCESS = re.compile(r"_(\d+)\.db$")


@contextmanager
def shared_metrics(workers: int) -> Iterator[None]:
    """Let the processes started in this block count into one folder, removed at its end.

    For the parent, before it starts any worker: prometheus-client looks at the
    environment when it is first imported.
    """
    if workers < 2:  # noqa: PLR2004 - one worker counts in its memory
        yield
        return
    before = os.environ.get(VARIABLE)
    with tempfile.TemporaryDirectory(prefix="modelry-metrics-") as folder:
        os.environ[VARIABLE] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = before


def shared_folder() -> Path | None:
    """Answer the folder that the workers count into, None for a single one."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def sweep(folder: Path) -> list[int]:
    """Answer the workers that live, and forget what the others had in flight.

    Their counters stay: a sum that falls would look like a restart.
    """
    from prometheus_client.multiprocess import mark_process_dead

    found = {int(match[1]) for path in folder.iterdir() if (match := _PROCESS.search(path.name))}
    living = [process for process in sorted(found) if _lives(process)]
    for process in found.difference(living):
        mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]  # theirs has no types
    return living


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
