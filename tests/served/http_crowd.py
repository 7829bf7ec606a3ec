"""One process of a crowd that works on a server: `http_crowd.py write|read URL JOURNAL SEED COUNT`.

It tries nothing twice: where no answer came, nobody knows whether the change
was made. It changes its connection now and then, so that every worker of the
server is asked by everybody.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import cast

import crowd
from journal import Journal

from modelry.core.errors import Unavailable
from modelry.core.registry import Registry
from modelry.remotes.client.client import Client
from modelry.remotes.client.opening import open_client

_NEW_CONNECTION = 0.3


class RemoteCaller(crowd.Caller):
    """A caller of a server."""

    def __init__(self, url: str, journal: Path, seed: int) -> None:
        token = os.environ["MODELRY_TOKEN"]
        self._client: Client = open_client(
            url, home=journal.parent / journal.stem, token=token, patience=0
        )
        self.registry = cast("Registry", self._client)  # it has the verbs that a crowd needs
        self.journal = Journal(journal, journal.stem)
        self.chance = random.Random(seed)
        self.model = crowd.MODELS[0]

    def any_model(self) -> str:
        """Choose a model, and now and then another connection."""
        self.maybe_elsewhere()
        return super().any_model()

    def maybe_elsewhere(self) -> None:
        """Let the next request be the last of its connection, now and then."""
        last = self.chance.random() < _NEW_CONNECTION
        self._client._wire.http.headers["Connection"] = "close" if last else "keep-alive"

    def resolve(self, model: str, selector: str) -> None:
        """Ask; no answer tells nothing."""
        with suppress(Unavailable):
            super().resolve(model, selector)


def write(caller: RemoteCaller, count: int) -> None:
    """Change the registry and look at once, whichever worker answers, `count` calls together."""
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(count // 3):
            model = caller.any_model()
            (kind,) = caller.chance.choices(crowd._CHANGES, crowd._CHANGE_WEIGHTS)
            with suppress(Unavailable):
                crowd._change(caller, model, kind, Path(folder) / "model.bin")
            for _ in range(2):
                caller.maybe_elsewhere()
                caller.resolve(model, "@production")


def main() -> None:
    """Be one process."""
    what, url, journal, seed, count = sys.argv[1:]
    caller = RemoteCaller(url, Path(journal), int(seed))
    if what == "write":
        write(caller, int(count))
    else:
        crowd.read(caller, int(count), Path(journal).parent / "done")
    caller.registry.close()


if __name__ == "__main__":
    main()
