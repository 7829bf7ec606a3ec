"""A process that does one kind of work on a registry until it is told to stop.

`crew.py KIND HOME NAME SECONDS [...]`: it says `ready` and waits for a line before it begins.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from pathlib import Path

from modelry.core.errors import Conflict, NotFound
from modelry.core.repository import RegistryRepository
from modelry.wiring import connect

POOL = 8


def upload(registry: RegistryRepository, name: str, until: float) -> object:
    """Register from a small pool of contents, look at once whether all is there, take away."""
    chance, done = random.Random(name), 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.bin"
        while time.monotonic() < until or not done:
            seed = chance.randrange(POOL)
            path.write_bytes(random.Random(seed).randbytes(400_000 if seed == 0 else 500 + seed))
            version = registry.register(name, path)
            damage = registry.verify(version.ref).problems
            if damage:
                return [str(each) for each in damage]
            registry.delete(version.ref)
            registry.purge(version.ref)
            done += 1
    return done


def collect(registry: RegistryRepository, name: str, until: float) -> object:
    """Collect garbage without any grace."""
    del name
    done = 0
    while time.monotonic() < until or not done:
        registry.gc(grace=0)
        done += 1
    return done


def change(registry: RegistryRepository, name: str, until: float) -> object:
    """Register and promote."""
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.bin"
        while time.monotonic() < until or not done:
            path.write_bytes(f"{name} {done}".encode())
            version = registry.register(name, path)
            registry.promote(version.ref, "production")
            done += 1
    return done


def race(registry: RegistryRepository, name: str, until: float) -> object:
    """Promote versions 1 and 2 in turns, with or without an expectation; answer what was won."""
    del until
    number, expect = name.split(",")
    try:
        return registry.promote(f"m:{number}", "production", expect=expect or None).number
    except (Conflict, NotFound) as error:
        return error.code


KINDS = {"upload": upload, "collect": collect, "change": change, "race": race}


def main() -> None:
    """Work, and answer a line of JSON for each line that was read."""
    kind, home, seconds = sys.argv[1:]
    with connect(home=Path(home)) as registry:
        print("ready", flush=True)  # noqa: T201 - the answer
        for line in sys.stdin:
            answer = KINDS[kind](registry, line.strip(), time.monotonic() + float(seconds))
            print(json.dumps(answer), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
