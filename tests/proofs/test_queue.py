"""Who waits in the line of writers, forks in it or leaves it holds up nobody else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor alarms"),
]

_HOLDS = """
import os, signal, sys, threading, time
from pathlib import Path
from modelry.wiring import connect

home = Path(sys.argv[1])
registry = connect(home=home)
inside, go = threading.Event(), threading.Event()

def work(unit):
    inside.set()
    go.wait()

def end(*_):
    raise KeyboardInterrupt

holder = threading.Thread(target=lambda: registry._world.store.change(work))
holder.start()
inside.wait()
"""
_FORKS = """
me = os.getpid()
if os.fork() == 0:
    while os.getppid() == me:
        time.sleep(0.1)
    os._exit(0)
"""
_IS_INTERRUPTED = """
signal.signal(signal.SIGALRM, end)
signal.setitimer(signal.ITIMER_REAL, 0.3)
try:
    registry.create_model("never")
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
_GOES_ON = """
go.set()
holder.join()
print("free", flush=True)
sys.stdin.read()
"""
_WRITES = """
import sys
from pathlib import Path
from modelry.wiring import connect

connect(home=Path(sys.argv[1])).create_model("m")
"""
SECONDS = 15


@pytest.mark.parametrize(
    ("what", "said"), [(_FORKS, ["free"]), (_IS_INTERRUPTED, ["interrupted", "free"])],
    ids=["a fork during a change", "an interrupted wait"],
)  # fmt: skip
def test_the_line_of_writers_moves_on_after(tmp_path: Path, what: str, said: list[str]) -> None:
    home = str(tmp_path / "home")
    command = [sys.executable, "-c", _HOLDS + what + _GOES_ON, home]
    # Leaving the block closes its input, at which it ends by itself, and its child with it.
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert [holder.stdout.readline().strip() for _ in said] == said
        writes = [sys.executable, "-c", _WRITES, home]
        subprocess.run(writes, timeout=SECONDS, check=True)
