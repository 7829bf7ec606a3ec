"""Tokens are kept where their owner alone finds them, each for its own server."""

from __future__ import annotations

import stat
from pathlib import Path

import keyring
import pytest

from modelry.core.errors import Invalid
from modelry.remotes.client.credentials import find_token, forget_token, keep_token

ONE, TWO = "https://one.example", "https://two.example:8443"


class Ring:
    """A keyring in memory."""

    priority = 9

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def no_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    from keyring.backends.fail import Keyring

    monkeypatch.setattr(keyring, "get_keyring", Keyring)


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Ring:
    made = Ring()
    monkeypatch.setattr(keyring, "get_keyring", lambda: made)
    return made


def test_a_keyring_keeps_a_token_and_no_file_does(ring: Ring, tmp_path: Path) -> None:
    assert keep_token(ONE, "secret", tmp_path) == "the keyring"
    assert ring.kept == {("modelry", ONE): "secret"}
    assert not (tmp_path / "credentials.json").exists()
    assert (find_token(ONE, tmp_path), find_token(TWO, tmp_path)) == ("secret", None)
    assert forget_token(ONE, tmp_path)
    assert not forget_token(ONE, tmp_path)
    assert not ring.kept


@pytest.mark.usefixtures("no_ring")
def test_without_a_keyring_a_file_that_its_owner_alone_may_read(tmp_path: Path) -> None:
    place = keep_token(ONE, "first", tmp_path / "home")
    keep_token(TWO, "other", tmp_path / "home")
    keep_token(ONE, "second", tmp_path / "home")
    assert place == str(tmp_path / "home" / "credentials.json")
    assert stat.S_IMODE(Path(place).stat().st_mode) == 0o600
    assert find_token(ONE, tmp_path / "home") == "second"
    assert forget_token(ONE, tmp_path / "home")
    assert find_token(ONE, tmp_path / "home") is None
    assert find_token(TWO, tmp_path / "home") == "other"


@pytest.mark.usefixtures("no_ring")
def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = Path(keep_token(ONE, "first", tmp_path))
    path.chmod(0o644)
    with pytest.raises(Invalid, match=r"others may read the tokens .* chmod 600"):
        find_token(ONE, tmp_path)
    path.chmod(0o600)
    for text in ("{", "[]"):
        path.write_text(text)
        with pytest.raises(Invalid, match="cannot be read; remove it") as caught:
            find_token(ONE, tmp_path)
        assert "first" not in caught.value.message


def test_a_keyring_that_is_locked_is_as_good_as_none(ring: Ring, tmp_path: Path) -> None:
    from keyring.errors import KeyringLocked

    def locked(*_: str) -> str | None:
        raise KeyringLocked

    ring.get_password = locked  # type: ignore[assignment]  # it is locked
    assert keep_token(ONE, "secret", tmp_path).endswith("credentials.json")
    assert find_token(ONE, tmp_path) == "secret"


def test_a_keyring_that_takes_nothing_is_as_good_as_none(ring: Ring, tmp_path: Path) -> None:
    from keyring.errors import PasswordSetError

    def refuse(*_: str) -> None:
        raise PasswordSetError

    ring.set_password = refuse  # type: ignore[assignment]  # it is read-only
    assert keep_token(ONE, "secret", tmp_path).endswith("credentials.json")
    assert find_token(ONE, tmp_path) == "secret"
