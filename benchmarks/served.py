"""Servers to be measured, and the load on them: wrk drives, /proc tells what the servers spent."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6}


@dataclass(frozen=True)
class Load:
    """What a load did: requests per second, microseconds of CPU per request, latencies in us."""

    rate: float
    cpu: float
    median: float
    p99: float
    errors: int


@dataclass(frozen=True)
class Server:
    """A server under measurement."""

    url: str
    process: subprocess.Popen[bytes]
    token: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        """What a request to it carries."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


@contextlib.contextmanager
def started(
    command: Sequence[str], url: str, ready: str, env: Mapping[str, str]
) -> Iterator[Server]:
    """Start a server and wait until `ready` answers; its whole tree ends with the block."""
    log = Path(env.get("BENCH_LOG", os.devnull))
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, env={**os.environ, **env}, stdout=errors, stderr=errors, start_new_session=True
        )
        try:
            _wait(f"{url}{ready}", process)
            found = re.search(rb"admin token: (\S+)", log.read_bytes()) if log.is_file() else None
            yield Server(url, process, found[1].decode() if found else "")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):  # noqa: S310 - loopback
            return
        time.sleep(0.2)
    msg = f"{url} does not answer"
    raise RuntimeError(msg)


@contextlib.contextmanager
def modelry(folder: Path, port: int, uri: str, workers: int = 1) -> Iterator[Server]:
    """Serve a registry."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "modelry.cli.main", "serve", "--port", str(port), "--uri", uri,
               "--blobs", (folder / "blobs").as_uri(), "--workers", str(workers)]  # fmt: skip
    env = {"MODELRY_HOME": str(folder), "MODELRY_LOG": "off", "BENCH_LOG": str(folder / "log")}
    with started(command, f"http://127.0.0.1:{port}", "/health/ready", env) as server:
        yield server


@contextlib.contextmanager
def bare(port: int, size: int) -> Iterator[Server]:
    """Serve an ASGI app that answers `size` bytes and does nothing else, on the same server."""
    command = [sys.executable, "-m", "uvicorn", "bare_app:app", "--port", str(port),
               "--no-access-log", "--log-level", "warning", "--no-server-header"]  # fmt: skip
    env = {"BARE_SIZE": str(size), "PYTHONPATH": str(Path(__file__).parent)}
    with started(command, f"http://127.0.0.1:{port}", "/", env) as server:
        yield server


def cpu_seconds(root: int) -> float:
    """Answer the processor time of a process and all that it started."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            process = int(path.parent.name)
            children.setdefault(int(fields[1]), []).append(process)
            ticks[process] = int(fields[11]) + int(fields[12])
    todo, total = [root], 0
    while todo:
        process = todo.pop()
        total += ticks.get(process, 0)
        todo += children.get(process, [])
    return total / _TICK


def settle(root: int, seconds: float = 90) -> None:
    """Wait until a process and its children have done what they do when they start."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = cpu_seconds(root)
        time.sleep(1)
        if cpu_seconds(root) - before < 0.1:
            return


def memory_mib(root: int) -> float:
    """Answer the proportional memory of a process and its children, in MiB."""
    total = 0
    listed = subprocess.run(["pgrep", "-g", str(os.getpgid(root))], capture_output=True, text=True,
                            check=False)  # fmt: skip
    for process in listed.stdout.split():
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1])  # type: ignore[index]  # the kernel writes it
    return total / 1024


def load(  # noqa: PLR0913 - a load has this many facts
    server: Server, path: str, connections: int, seconds: float, *, body: str = "",
    unlike: bool = False,
) -> Load:  # fmt: skip
    """Drive one path of a server with wrk; with a body by POST, or no two requests alike."""
    wrk = shutil.which("wrk")
    if wrk is None:
        msg = "wrk is missing: install it with your system's packages (apt-get install wrk)"
        raise SystemExit(msg)
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency"]
    for name, value in {**server.headers, "Content-Type": "application/json"}.items():
        command += ["-H", f"{name}: {value}"]
    script = Path(__file__).with_name("unlike.lua" if unlike else "post.lua")
    if body or unlike:
        command += ["-s", str(script)]
    before = cpu_seconds(server.process.pid)
    done = subprocess.run(
        [*command, f"{server.url}{path}"], capture_output=True, text=True, check=True,
        env={**os.environ, "WRK_BODY": body},
    )  # fmt: skip
    spent = cpu_seconds(server.process.pid) - before
    requests = max(1, int(_found(r"(\d+) requests in", done.stdout)))
    return Load(
        float(_found(r"Requests/sec:\s+([\d.]+)", done.stdout)),
        spent / requests * 1e6,
        _micros(_found(r"(?m)^ +50%\s+(\S+)", done.stdout)),
        _micros(_found(r"(?m)^ +99%\s+(\S+)", done.stdout)),
        int(_found(r"Non-2xx or 3xx responses: (\d+)", done.stdout, "0")),
    )


def _found(pattern: str, text: str, default: str | None = None) -> str:
    match = re.search(pattern, text)
    if match is None and default is None:
        msg = f"wrk did not tell {pattern}: {text}"
        raise RuntimeError(msg)
    return match[1] if match else str(default)


def _micros(text: str) -> float:
    match = re.fullmatch(r"([\d.]+)(us|ms|s)", text)
    assert match is not None
    return float(match[1]) * _UNITS[match[2]]
