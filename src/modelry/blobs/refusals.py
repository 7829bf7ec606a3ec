"""What an upload is refused with, in the same words wherever its bytes are kept."""

from __future__ import annotations

from modelry.core.errors import Conflict, Invalid, NotFound


def no_upload(upload: str) -> NotFound:
    """Answer the refusal of a name that no upload has."""
    msg = "there is no such upload: it was dropped, refused, or never begun; begin a new one"
    return NotFound(msg, upload=upload)


def already_begun(upload: str) -> Conflict:
    """Answer the refusal to begin an upload twice."""
    return Conflict(
        "an upload of this name has begun already; begin one of a new name", upload=upload
    )


def busy(upload: str, received: int) -> Conflict:
    """Answer the refusal of a piece that arrives beside another one."""
    msg = (
        f"another piece of this upload is arriving; {received} bytes are here so far: "
        "send one piece after the other, and ask again where to go on"
    )
    return Conflict(msg, upload=upload, received=received)


def wrong_offset(upload: str, offset: int, received: int) -> Conflict:
    """Answer the refusal of a piece that does not begin where the last one ended."""
    msg = f"a piece at {offset} does not fit: go on at {received}, where the last one ended"
    return Conflict(msg, upload=upload, offset=offset, received=received)


def finished(upload: str, received: int) -> Conflict:
    """Answer the refusal of a piece after the end."""
    msg = f"this upload is finished, with {received} bytes; begin a new one for other bytes"
    return Conflict(msg, upload=upload, received=received)


def another_finish(upload: str) -> Conflict:
    """Answer the refusal to finish an upload as something else than it was."""
    msg = "this upload is finished already, as other bytes; begin a new one"
    return Conflict(msg, upload=upload)


def not_what_it_should_be(sha256: str, size: int, found: str | None, actual: int) -> Invalid:
    """Answer the refusal of bytes of another size or digest; the upload is gone by then."""
    what = (
        f"{actual} bytes arrived instead of {size}"
        if actual != size
        else f"the bytes that arrived have the sha256 {found}, not {sha256}"
    )
    msg = f"{what}: nothing was kept; upload them again from the start"
    return Invalid(msg, sha256=sha256, size=size, found=found, actual=actual)
