"""What lies where under the prefix of an object store; nothing else makes a key.

blobs/sha256/ab/abcdef...        blobs
leases/held/<id>                 one digest per line, renewed while its owner lives
leases/uploads/<id>/<sha256>     a finished upload keeps this blob
uploads/<id>/begun               there is such an upload
uploads/<id>/<offset>            a piece of it, 20 digits
uploads/<id>/done-<sha256>-<size>  it is finished
clock                            written to learn what time the store says it is
"""

from __future__ import annotations

from typing import Final

from modelry.blobs.layout import checked, checked_upload
from modelry.core.errors import Invalid

BLOBS: Final = "blobs/sha256"
LEASES: Final = "leases"
UPLOADS: Final = "uploads"
CLOCK: Final = "clock"
KEPT: Final = f"{LEASES}/uploads"


def blob(sha256: str) -> str:
    """Answer where a blob is, or would be."""
    return f"{BLOBS}/{checked(sha256)[:2]}/{sha256}"


def named(key: str) -> str | None:
    """Answer which blob a key is, None for what others put beside the blobs."""
    sha256 = key.rpartition("/")[2]
    try:
        return sha256 if blob(sha256) == key else None
    except Invalid:
        return None


def lease(name: str) -> str:
    """Answer where a lease is."""
    return f"{LEASES}/held/{name}"


def kept(upload: str, sha256: str) -> str:
    """Answer where it is noted that a finished upload keeps a blob."""
    return f"{KEPT}/{checked_upload(upload)}/{checked(sha256)}"


def upload(name: str) -> str:
    """Answer the folder of an upload."""
    return f"{UPLOADS}/{checked_upload(name)}"


def begun(name: str) -> str:
    """Answer what says that there is an upload."""
    return f"{upload(name)}/begun"


def piece(name: str, offset: int) -> str:
    """Answer where the piece is that begins at `offset`; sorted by name they are in order."""
    return f"{upload(name)}/{offset:020d}"


def done(name: str, sha256: str, size: int) -> str:
    """Answer what says that an upload is finished, and as what."""
    return f"{upload(name)}/done-{checked(sha256)}-{size}"
