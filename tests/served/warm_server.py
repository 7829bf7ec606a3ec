"""A server that is killed and started again quickly: forked from a process that is warm.

`warm_server.py SETTINGS`, where SETTINGS is a JSON object as `serve` takes it,
reads lines: `start` forks a server, `kill` ends it with SIGKILL, `stop` with
SIGTERM; each is answered by a line. What the servers say goes to standard error.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback

import uvicorn.lifespan.on
import uvicorn.loops.uvloop
import uvicorn.protocols.http.httptools_impl

from modelry.server import process
from modelry.stores import sql
from modelry.wiring import installed_formats

_MODULES = (uvicorn.lifespan.on, uvicorn.loops.uvloop, uvicorn.protocols.http.httptools_impl, sql)
"""What a server loads when it starts; a fork finds it loaded."""


def _fork(settings: dict[str, str]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        process.serve(settings)
        os._exit(0)
    except SystemExit as end:
        os._exit(int(end.code or 0))
    except BaseException:  # noqa: BLE001 - the end of a child
        traceback.print_exc()
        os._exit(1)


def main() -> None:
    """Do as the lines say."""
    settings = json.loads(sys.argv[1])
    installed_formats()
    gc.collect()
    gc.freeze()
    child = 0
    for line in sys.stdin:
        word = line.strip()
        if word == "start":
            child = _fork(settings)
        else:
            os.kill(child, signal.SIGKILL if word == "kill" else signal.SIGTERM)
            _, status = os.waitpid(child, 0)
            child = 0
            word = f"{word} {os.waitstatus_to_exitcode(status)}"
        print(word, flush=True)  # noqa: T201 - the answer
    if child:
        os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main()
