"""A signed checkpoint on the command line: believed by its key alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from typer.testing import CliRunner, Result

from modelry.cli.app import app
from modelry.core.registry import Registry
from modelry.server.checkpoints.signing import seal
from modelry.settings import Settings
from modelry.wiring import embedded


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="modelry")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hold a registry of one model, a signed checkpoint of it, its key and another key."""
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MODELRY_URI", raising=False)
    (tmp_path / "m.bin").write_bytes(b"weights")
    with Registry(embedded(Settings())) as registry:
        registry.register("churn", tmp_path / "m.bin")
        key = Ed25519PrivateKey.generate()
        (tmp_path / "1.json").write_bytes(seal(key, registry.checkpoint(), None))
    for name, each in (("right.pub", key), ("wrong.pub", Ed25519PrivateKey.generate())):
        pem = each.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / name).write_bytes(pem)
    return tmp_path


def test_a_checkpoint_of_the_right_key_is_held_against_the_log(place: Path) -> None:
    done = run("audit", "verify", "--checkpoint", str(place / "1.json"),
               "--key", str(place / "right.pub"))  # fmt: skip
    assert done.exit_code == 0
    assert "all good" in done.output


def test_a_signed_checkpoint_is_not_believed_without_a_key(place: Path) -> None:
    done = run("audit", "verify", "--checkpoint", str(place / "1.json"))
    assert done.exit_code == 1
    assert "name the public key" in done.output


def test_a_checkpoint_of_another_key_is_refused(place: Path) -> None:
    done = run("audit", "verify", "--checkpoint", str(place / "1.json"),
               "--key", str(place / "wrong.pub"))  # fmt: skip
    assert done.exit_code == 1
    assert "not of this key" in done.output


def test_a_log_that_was_cut_is_noticed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELRY_HOME", str(place / "empty"))
    done = run("audit", "verify", "--checkpoint", str(place / "1.json"),
               "--key", str(place / "right.pub"))  # fmt: skip
    assert done.exit_code == 1
    assert "was there at the checkpoint and is gone" in done.output
