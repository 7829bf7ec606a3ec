"""Models that lie in somebody's bucket, to be copied from there (port `Source`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

from modelry.blobs.objects.address import SCHEMES, Address, read_address
from modelry.blobs.objects.bucket import Bucket, Found
from modelry.blobs.objects.reading import LARGEST, ObjectFile
from modelry.core.errors import Invalid, NotFound
from modelry.core.model import Kind
from modelry.core.names import check_path, refuse_twins
from modelry.core.verbs.enlist import MAX_FILES


@dataclass(frozen=True, slots=True)
class BucketFile:
    """An object (port `SourceFile`); read as the one that was found, or not at all."""

    bucket: Bucket
    found: Found
    path: str

    @property
    def size(self) -> int:
        """The size in bytes."""
        return self.found.size

    def open(self) -> BinaryIO:
        """Open it for reading, by ranges that are fetched ahead."""
        return cast("BinaryIO", ObjectFile(self.bucket, self.found, LARGEST))


@dataclass(frozen=True, slots=True)
class BucketSource:
    """An object, or all objects below a prefix (port `Source`)."""

    name: str
    kind: Kind
    files: Sequence[BucketFile]


class BucketSources:
    """Opens addresses that lie below one of `places`: each a bucket, with a prefix or without.

    A place is written like the address of a blob store, with the same options;
    an address that is opened has none. `own` is where the registry keeps its
    blobs, which are nobody's to name: a place may not hold it, nor lie in it.
    """

    def __init__(self, places: Iterable[str], own: str = "") -> None:
        self._places = [read_address(each) for each in places]
        self._buckets: dict[Address, Bucket] = {}
        kept = read_address(own) if own.partition(":")[0] in SCHEMES else None
        for place in self._places:
            if kept is not None and (_covers(place, kept) or _covers(kept, place)):
                msg = f"{place} holds blobs of this registry; name a place that does not"
                raise Invalid(msg, place=str(place))

    def open(self, address: str) -> BucketSource | None:
        """Look at what lies at an address; None where that is below none of the places.

        Raises `NotFound` where nothing is there, `Invalid` for names that no
        version can have.
        """
        try:
            asked = read_address(address.partition("?")[0])
        except Invalid:
            return None
        place = next((each for each in self._places if _covers(each, asked)), None)
        if place is None or "?" in address:
            return None
        bucket = self._buckets.get(place)
        if bucket is None:
            bucket = self._buckets[place] = Bucket(replace(place, prefix=""))
        return _source(bucket, asked)


def _covers(place: Address, asked: Address) -> bool:
    if (place.scheme, place.bucket) != (asked.scheme, asked.bucket):
        return False
    return not place.prefix or f"{asked.prefix}/".startswith(f"{place.prefix}/")


def _source(bucket: Bucket, asked: Address) -> BucketSource:
    name = asked.prefix.rpartition("/")[2]
    alone = bucket.head(asked.prefix) if asked.prefix else None
    if alone is not None:
        return BucketSource(name, "file", (BucketFile(bucket, alone, check_path(name)),))
    files = []
    for found in bucket.list(asked.prefix):
        path = found.key.removeprefix(asked.prefix).lstrip("/")
        if not path or found.key.endswith("/"):
            continue  # a mark that some tools leave in place of a folder
        files.append(BucketFile(bucket, found, check_path(path)))
        if len(files) > MAX_FILES:
            msg = f"{asked} holds more than {MAX_FILES} files; pack them into archives"
            raise Invalid(msg, source=str(asked))
    if not files:
        msg = f"nothing lies at {asked}; check the address"
        raise NotFound(msg, source=str(asked))
    refuse_twins(each.path for each in files)
    ordered = sorted(files, key=lambda each: each.path.encode())
    return BucketSource(name or asked.bucket, "folder", tuple(ordered))
