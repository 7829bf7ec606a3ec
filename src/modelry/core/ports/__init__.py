"""What the core needs of the world, as small interfaces with their promises.

An adapter passes the conformance suite of its port in `modelry.testing`; the
docstrings here say what the suite proves.
"""

from modelry.core.ports.bytes import (
    BlobInfo,
    Blobs,
    Progress,
    Shelf,
    Source,
    SourceFile,
    Sources,
    Staged,
    Uploads,
)
from modelry.core.ports.metadata import Fold, Ledger, Store, Unit, View
from modelry.core.ports.surroundings import Clock, FileFormat, FolderFormat, Inspector, Surroundings
from modelry.core.ports.tracking import TrackingLedger, TrackingView

__all__ = [
    "BlobInfo",
    "Blobs",
    "Clock",
    "FileFormat",
    "Fold",
    "FolderFormat",
    "Inspector",
    "Ledger",
    "Progress",
    "Shelf",
    "Source",
    "SourceFile",
    "Sources",
    "Staged",
    "Store",
    "Surroundings",
    "TrackingLedger",
    "TrackingView",
    "Unit",
    "Uploads",
    "View",
]
