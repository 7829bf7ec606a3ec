"""One change, done by a process of its own that says what it knows: `deed.py HOME WORDS DEED...`.

WORDS is a file that lies elsewhere; what the process says goes there in one write.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from modelry.core.errors import RegistryError
from modelry.core.repository import RegistryRepository
from modelry.wiring import connect


def prepare(home: Path) -> None:
    """Make a registry with two versions, of which the second followed the first in production."""
    with connect(home=home) as registry:
        for number in (1, 2):
            register(registry, home, str(number))
            registry.promote(f"m:{number}", "production")


def register(registry: RegistryRepository, home: Path, label: str, *, alone: bool = False) -> None:
    """Register a folder whose bytes follow from the label, or one file of it `alone`."""
    folder = home.parent.parent / f"model-{label}"
    folder.mkdir(exist_ok=True)
    (folder / "small.bin").write_bytes(f"model {label}".encode())
    (folder / "large.bin").write_bytes(label.encode().ljust(9, b"-") * 2000)
    (folder / "same.bin").write_bytes(b"the same in every version")
    source = folder / "large.bin" if alone else folder
    registry.register("m", source, version=f"v{label}.0", metrics={"auc": 0.5}, tags={"t": "x"})


def do(registry: RegistryRepository, home: Path, deed: str) -> None:
    """Do a deed: `register`, `register-file`, `promote`, `rollback`, `alias`, `delete` or `purge`."""
    if deed in {"register", "register-file"}:
        register(registry, home, "3", alone=deed == "register-file")
    elif deed == "promote":
        registry.promote("m:1", "production")
    elif deed == "rollback":
        registry.rollback("m")
    elif deed == "alias":
        registry.alias("m", "champion", "2")
    elif deed == "delete":
        registry.delete("m:1")
    else:
        registry.purge("m:1")


def main() -> None:
    """Do the deeds in turn; end with 0 where the first refusal was one of ours."""
    home, words, *deeds = sys.argv[1:]
    out = os.open(words, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(out, b"begin")
    done = []
    try:
        with connect(home=Path(home)) as registry:
            for deed in deeds:
                do(registry, Path(home), deed)
                done.append(deed)
                os.write(out, " ".join(done).encode())
        print("done", flush=True)  # noqa: T201 - the answer
    except RegistryError as error:
        print(error.code, error.message, flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
