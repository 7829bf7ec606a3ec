"""The only place where a registry is put together from its parts."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Protocol, runtime_checkable

from modelry import plugins
from modelry.blobs.shelf import LocalShelf
from modelry.blobs.tree import LocalSources
from modelry.core.errors import Unsupported
from modelry.core.inspection import Inspection
from modelry.core.model import Findings, Kind
from modelry.core.ports import Progress, SourceFile
from modelry.core.registry import Registry
from modelry.core.repository import RegistryRepository
from modelry.core.verbs.witness import Seen, seen
from modelry.core.verbs.world import World
from modelry.notebook import show_in_notebooks
from modelry.remotes.foreign import without_secret
from modelry.settings import Settings
from modelry.surroundings import LocalSurroundings, SystemClock


def connect(uri: str | None = None, *, home: Path | None = None) -> RegistryRepository:
    """Open the registry that `uri` names, making an embedded one where there is none yet.

    Without a uri `$MODELRY_URI` decides, and without that the embedded
    registry in `home` (`$MODELRY_HOME`, by default `~/.modelry`). An
    `http://` or `https://` address is a server; `mlflow+https://host`,
    `mlflow:sqlite:///path.db` and `hf://namespace` are
    registries of other kinds.
    """
    show_in_notebooks()
    settings = Settings()
    folder = (home or settings.home).expanduser()
    chosen = uri or settings.uri
    if chosen is not None and ":" in chosen:
        scheme = chosen.partition(":")[0].lower()
        if scheme in plugins.names("remotes"):
            token = settings.token.get_secret_value() if settings.token else None
            remote: RegistryRepository = plugins.load("remotes", scheme)(
                chosen, home=folder, token=token
            )
            if settings.cache_size is not None and isinstance(remote, Caching):
                remote.limit_cache(settings.cache_size)
            return remote
    return Registry(embedded(settings, uri, home=home))


def address(uri: str | None = None) -> str:
    """Answer the address that `connect(uri)` opens, for records: without a user or a password."""
    settings = Settings()
    chosen = uri or settings.uri or f"sqlite:///{settings.home.expanduser() / 'registry.db'}"
    return without_secret(chosen)


class Schema(Protocol):
    """The tables of a database, as an operator sees them."""

    head: str

    def current(self) -> str | None:
        """Answer the revision of the tables, None where there are none."""
        ...

    def upgrade(self, progress: Progress | None = None) -> str | None:
        """Bring the tables to `head`; answer the revision that they had."""
        ...

    def check(self) -> list[str]:
        """List where the tables are not what they should be."""
        ...


def schema(uri: str | None = None, *, home: Path | None = None) -> Schema:
    """Answer the schema of the embedded registry's database, which is not opened for this."""
    settings = Settings()
    folder = (home or settings.home).expanduser()
    chosen = uri or settings.uri or f"sqlite:///{folder / 'registry.db'}"
    found: Schema = plugins.load("schemas", chosen.partition(":")[0])(chosen)
    return found


def embedded(settings: Settings, uri: str | None = None, *, home: Path | None = None) -> World:
    """Wire a registry over a database and blobs that this process reaches itself."""
    folder = (home or settings.home).expanduser()
    chosen = uri or settings.uri or f"sqlite:///{folder / 'registry.db'}"
    scheme = chosen.partition(":")[0]
    if "://" not in chosen and not chosen.startswith(("memory:", "json:")):
        msg = f"{chosen!r} is not the address of a registry; write sqlite:///path.db, json:path.json or memory:"
        raise Unsupported(msg, uri=chosen)
    store = plugins.load("stores", scheme)(chosen)
    place = settings.blobs or (_root(chosen, folder).absolute() / "blobs").as_uri()
    blobs = plugins.load("blobs", place.partition(":")[0])(place)
    world = World(
        store=store,
        blobs=blobs,
        shelf=LocalShelf(folder / "use", blobs),
        sources=LocalSources(),
        inspection=_InstalledFormats(),
        surroundings=LocalSurroundings(),
        clock=SystemClock(),
    )
    if isinstance(store, Trusting):
        store.trust(_witness(world, store.folder))
    return world


@runtime_checkable
class Caching(Protocol):
    """A registry elsewhere that keeps on this disk what it fetched."""

    def limit_cache(self, size: int) -> None:
        """Leave at most `size` bytes of it."""
        ...


@runtime_checkable
class Trusting(Protocol):
    """A store in which people write versions by hand, whose bytes somebody must see."""

    @property
    def folder(self) -> Path:
        """The folder in which they write."""
        ...

    def trust(self, witness: Callable[[str], AbstractContextManager[Seen | None]]) -> None:
        """Let `witness` see what lies at a path."""
        ...


def _witness(world: World, folder: Path) -> Callable[[str], AbstractContextManager[Seen | None]]:
    """See what lies at a path: from here, from the folder, or from where that folder lies."""
    return lambda path: seen(world, [Path(path), folder.parent / path, folder / path])


def _root(uri: str, home: Path) -> Path:
    """Answer the folder for blobs: beside a file of metadata, so that both can be moved together."""
    if uri.startswith("sqlite:///"):
        return Path(uri.removeprefix("sqlite:///")).expanduser().absolute().parent
    if uri.startswith("json:"):
        return Path(uri.removeprefix("json:")).expanduser().absolute().parent
    if not uri.startswith("memory:"):
        return home
    folder = tempfile.mkdtemp(prefix="modelry-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@cache
def installed_formats() -> Inspection:
    """Load every installed format, ours and those of plug-ins, once."""
    found = [make() for make in plugins.load_all("formats")]
    return Inspection(
        [each for each in found if hasattr(each, "sniff")],
        [each for each in found if not hasattr(each, "sniff")],
    )


class _InstalledFormats:
    """Loads the formats when a first version is registered: looking up needs none."""

    def inspect(self, kind: Kind, files: Sequence[SourceFile]) -> Findings | None:
        """Answer what a version is, by every installed format."""
        return installed_formats().inspect(kind, files)
