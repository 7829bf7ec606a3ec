"""The key that signs checkpoints: a file of its own, for its owner alone."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modelry.core.errors import Invalid, Unavailable
from modelry.durable import create, flush, flush_folder, fresh_name, write_all

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_OTHERS = stat.S_IRWXO | stat.S_IWGRP
"""A group may read it: that is how Kubernetes hands a secret to a numeric user."""


def read_key(path: Path) -> Ed25519PrivateKey:
    """Answer the private key in a file (PEM). Raises `Invalid` where it is none, or open to all."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        data, mode = path.read_bytes(), path.stat().st_mode
    except OSError as error:
        msg = f"the key of checkpoints {path} cannot be read: {error.strerror or error}"
        raise Unavailable(msg, path=str(path)) from error
    if os.name == "posix" and mode & _OTHERS:
        msg = f"the key of checkpoints {path} is open to others; run chmod 600 {path}"
        raise Invalid(msg, path=str(path))
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError):
        key = None
    if isinstance(key, Ed25519PrivateKey):
        return key
    msg = (
        f"{path} holds no Ed25519 key; make one with: "
        f"openssl genpkey -algorithm ed25519 -out {path}"
    )
    raise Invalid(msg, path=str(path))


def key_at(path: Path) -> Ed25519PrivateKey:
    """Answer the key in a file, made now where there is none, with its public half in `.pub`.

    Of several processes that make it at once one wins, and all get its key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = Ed25519PrivateKey.generate()
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        put_new(path, pem, 0o600)
    key = read_key(path)
    public = path.with_suffix(".pub")
    if not public.exists():
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        put_new(public, pem, 0o644)
    return key


def put_new(path: Path, data: bytes, mode: int) -> bool:
    """Write a file whole, durably, and only where there is none; say whether there was none."""
    draft = path.with_name(f".{path.name}.{fresh_name()}")
    descriptor = create(draft, mode)
    try:
        try:
            write_all(descriptor, data)
            flush(descriptor)
        finally:
            os.close(descriptor)
        try:
            os.link(draft, path)  # unlike a rename, it never takes the place of a file
        except FileExistsError:
            return False
        flush_folder(path.parent)
        return True
    finally:
        with suppress(OSError):
            draft.unlink()
