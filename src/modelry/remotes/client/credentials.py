"""Tokens of servers, kept for this user: in the keyring of the system, else in a file of theirs.

A token is kept under the origin of the server that it is for, and is found for
that origin alone.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Protocol, cast

from modelry.blobs.locks import Lock
from modelry.core.errors import Invalid
from modelry.durable import fresh_name, storing, write_all

SERVICE = "modelry"


class _Keyring(Protocol):
    """What is used of the keyring of a system."""

    def get_password(self, service: str, username: str) -> str | None:
        """Answer a secret."""
        ...

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep a secret."""
        ...

    def delete_password(self, service: str, username: str) -> None:
        """Forget a secret."""
        ...


def find_token(origin: str, home: Path) -> str | None:
    """Answer the token that is kept for a server, None where there is none."""
    ring = _keyring()
    found = ring.get_password(SERVICE, origin) if ring else None
    return found or _File(home).read().get(origin)


def keep_token(origin: str, token: str, home: Path) -> str:
    """Keep a token, and answer where: `the keyring`, or the path of a file."""
    ring = _keyring()
    if ring is not None and _put(ring, origin, token):
        _File(home).change(origin, None)
        return "the keyring"
    return _File(home).change(origin, token)


def _put(ring: _Keyring, origin: str, token: str) -> bool:
    """Keep a token in a keyring; False where it takes none."""
    from keyring.errors import KeyringError

    try:
        ring.set_password(SERVICE, origin, token)
    except (KeyringError, RuntimeError, OSError):
        return False
    return True


def forget_token(origin: str, home: Path) -> bool:
    """Forget the token of a server wherever it is kept; say whether there was one."""
    found = find_token(origin, home) is not None
    ring = _keyring()
    if ring is not None and ring.get_password(SERVICE, origin) is not None:
        ring.delete_password(SERVICE, origin)
    _File(home).change(origin, None)
    return found


def _keyring() -> _Keyring | None:
    """Answer the system's keyring; None where none is installed, or it works without a person."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return None
    try:
        backend = keyring.get_keyring()
        if backend.priority <= 0:  # keyrings that only say that there is none
            return None
        backend.get_password(SERVICE, "is it there?")
    except (KeyringError, RuntimeError, OSError):
        return None
    return cast("_Keyring", backend)


class _File:
    """A file that its owner alone can read, where there is no keyring."""

    def __init__(self, home: Path) -> None:
        self._path = home / "credentials.json"

    def read(self) -> dict[str, str]:
        """Answer the tokens by origin. Raises `Invalid` where others may read them."""
        try:
            with self._path.open("rb") as stream:
                mode = os.fstat(stream.fileno()).st_mode
                value = json.loads(stream.read())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise self._broken() from error
        if os.name == "posix" and mode & 0o077:
            msg = f"others may read the tokens in {self._path}; run chmod 600 {self._path}"
            raise Invalid(msg, path=str(self._path))
        if not isinstance(value, dict):
            raise self._broken()
        return {str(origin): str(token) for origin, token in value.items()}

    def change(self, origin: str, token: str | None) -> str:
        """Keep or forget a token; answer the path of the file."""
        if token is None and not self._path.exists():
            return str(self._path)
        with storing(self._path.parent):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = Lock.take(self._path.with_suffix(".lock"))
        try:
            kept = {key: value for key, value in self.read().items() if key != origin}
            self._write(kept if token is None else {**kept, origin: token})
        finally:
            lock.release()
        return str(self._path)

    def _write(self, kept: dict[str, str]) -> None:
        aside = self._path.with_name(f".{self._path.name}.{fresh_name()}")
        with storing(self._path.parent):
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                write_all(descriptor, json.dumps(kept, indent=1).encode())
            finally:
                os.close(descriptor)
            aside.replace(self._path)

    def _broken(self) -> Invalid:
        msg = f"{self._path} cannot be read; remove it and sign in again (modelry login)"
        return Invalid(msg, path=str(self._path))
