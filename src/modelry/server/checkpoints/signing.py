"""A checkpoint with an Ed25519 signature, as a file.

The file is JSON: `format`, `sequence` (1, 2, ...), `previous` (the sha256 of
the file before, null for the first), `checkpoint`, `public_key` and
`signature`. What is signed is the canonical JSON of the first four. The public
key in the file is only there to be looked at: it proves nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelry.core.errors import Corrupt, Invalid, Unsupported
from modelry.core.strict_json import Json, dumps, load_object
from modelry.core.verbs.audit import Checkpoint, checkpoint_from_text, checkpoint_to_text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

FORMAT = "modelry.signed-checkpoint.v1"
MAX_BYTES = 256 * 1024 * 1024
_SIGNED = ("format", "sequence", "previous", "checkpoint")


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint whose signature was verified, and its place in the row of files.

    `digest` is the sha256 of the file, which the next one names as `previous`.
    """

    checkpoint: Checkpoint
    sequence: int
    previous: str | None
    digest: str


def seal(key: Ed25519PrivateKey, checkpoint: Checkpoint, after: Signed | None) -> bytes:
    """Answer the file that follows `after`."""
    body: dict[str, Json] = {
        "format": FORMAT,
        "sequence": after.sequence + 1 if after else 1,
        "previous": after.digest if after else None,
        "checkpoint": load_object(checkpoint_to_text(checkpoint).encode(), "the checkpoint",
                                  max_bytes=MAX_BYTES),
    }  # fmt: skip
    signature = key.sign(dumps(body).encode())
    public = key.public_key().public_bytes_raw()
    body["public_key"] = base64.b64encode(public).decode()
    body["signature"] = base64.b64encode(signature).decode()
    return dumps(body).encode() + b"\n"


def is_signed(data: bytes) -> bool:
    """Say whether a file is meant to be a signed checkpoint, and not a plain one."""
    return load_object(data, "the checkpoint", max_bytes=MAX_BYTES).get("format") == FORMAT


def read_signed(data: bytes, public_key: bytes) -> Checkpoint:
    """Answer the checkpoint in a signed file, as `public_key` (PEM) vouches for it.

    Raises `Invalid` for what is neither such a file nor such a key, `Corrupt`
    where the signature is not of this key and these words.
    """
    return open_signed(data, _public(public_key)).checkpoint


def open_signed(data: bytes, key: Ed25519PublicKey) -> Signed:
    """Answer what is in a signed file. Raises as `read_signed` does."""
    from cryptography.exceptions import InvalidSignature

    value = load_object(data, "the checkpoint", max_bytes=MAX_BYTES)
    sequence, previous = value.get("sequence"), value.get("previous")
    if (
        value.get("format") != FORMAT
        or not isinstance(sequence, int)
        or not (previous is None or isinstance(previous, str))
    ):
        msg = "this is not a signed checkpoint of Modelry (modelry serve writes them)"
        raise Invalid(msg)
    body = dumps({name: value.get(name) for name in _SIGNED}).encode()
    try:
        key.verify(_bytes(value.get("signature")), body)
    except InvalidSignature as error:
        msg = (
            "the signature of this checkpoint is not of this key: it was changed or forged, "
            "or another server wrote it"
        )
        raise Corrupt(msg, sequence=sequence) from error
    inner = dumps(value["checkpoint"]).encode()
    return Signed(checkpoint_from_text(inner), sequence, previous, hashlib.sha256(data).hexdigest())


def _bytes(value: Json) -> bytes:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except binascii.Error:
        return b""


def _public(pem: bytes) -> Ed25519PublicKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError as error:
        msg = "signatures need one more library: pip install 'modelry[server]'"
        raise Unsupported(msg) from error
    try:
        key = load_pem_public_key(pem)
    except ValueError:
        key = None
    if isinstance(key, Ed25519PublicKey):
        return key
    msg = "this is not the public key of checkpoints: give the .pub file that the server wrote"
    raise Invalid(msg)
