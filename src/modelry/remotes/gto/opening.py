"""Opening a Git repository: `gto:FOLDER`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelry.core.errors import NotFound

if TYPE_CHECKING:
    from modelry.remotes.gto.registry import GtoRegistry


def open_gto(uri: str, *, home: Path, token: str | None = None) -> GtoRegistry:
    """Open the repository in a folder of this machine. Raises `NotFound` where there is none."""
    del token
    from modelry.remotes.gto.git import Git
    from modelry.remotes.gto.registry import GtoRegistry

    folder = Path(uri.partition(":")[2]).expanduser()
    if not folder.is_dir():
        msg = f"there is no folder {str(folder)!r}; clone the repository with its tags first"
        raise NotFound(msg, path=str(folder))
    return GtoRegistry(uri, home, Git(folder))
