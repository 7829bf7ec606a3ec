"""Hashing local files before they go to a registry elsewhere."""

from __future__ import annotations

from pathlib import Path

from modelry.blobs.copying import hash_bytes
from modelry.blobs.meter import Meter
from modelry.blobs.parallel import each
from modelry.blobs.reading import changed, reading
from modelry.blobs.tree import LocalSources
from modelry.core.errors import NotFound
from modelry.core.model import Dataset, File
from modelry.core.ports import Progress, Source, SourceFile
from modelry.core.sealing import digest_of


def hashed(source: Source, progress: Progress | None) -> tuple[File, ...]:
    """Read every file of `source` once, several at a time, and answer them with their digests."""
    meter = Meter("hashing", sum(file.size for file in source.files), progress)
    digests: dict[str, str] = {}

    def take(file: SourceFile) -> None:
        with reading(file) as stream:
            sha256, size = hash_bytes(stream, file.path, meter)
        if size != file.size:
            raise changed(file.path)
        digests[file.path] = sha256

    each(take, sorted(source.files, key=lambda file: -file.size), meter)
    meter.finish()
    return tuple(File(file.path, digests[file.path], file.size) for file in source.files)


def with_digest(dataset: Dataset) -> Dataset:
    """Give a data set that lies on this disk its digest; a bare path also its name."""
    if dataset.digest is not None:
        return dataset
    place = dataset.uri or dataset.name
    try:
        source = LocalSources().open(Path(place))
    except NotFound:
        return dataset
    files = hashed(source, None)
    digest = f"sha256:{files[0].sha256}" if source.kind == "file" else digest_of(files)
    return Dataset(dataset.name if dataset.uri else source.name, digest, place)
