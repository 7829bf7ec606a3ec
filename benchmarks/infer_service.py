"""What the inference service costs over bare onnxruntime, and how long a new version takes.

python benchmarks/infer_service.py [--rounds 15] [--json]

Contestants take turns on one connection. "In threads" compares the service with
the same uvicorn that answers in Starlette's threads, by a session of onnxruntime
and nothing else; "in the loop" compares both without threads; "in this process"
compares the CPU of `predict` with that of `session.run`. The latency is the
median as the client sees it; the CPU is what the server spent on a request.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from measure import Row, options, show
from served import cpu_seconds, started
from serving_models import Network, networks

from modelry.core.repository import RegistryRepository
from modelry.serving import InferenceService
from modelry.wiring import connect

LIMIT = 1.25
_BATCH = 200
_MODEL = "m"


def main() -> None:
    """Measure each network, then a promotion."""
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["MODELRY_HOME"] = str(folder / "home")
        rows: list[Row] = []
        for network in networks(folder):
            rows += _measured(network, folder, given.rounds)
        rows.append(_swap(networks(folder), folder))
    show(rows, as_json=given.json)


def _measured(network: Network, folder: Path, rounds: int) -> Sequence[Row]:
    uri = f"sqlite:///{folder / f'{network.file.stem}.db'}"
    with connect(uri) as registry:
        registry.promote(registry.register(_MODEL, network.file).ref, "production")
        inside = _inside(network, registry, rounds)
    took, spent = _over_http(network, uri, rounds)
    about = f"{network.name} ({network.weights:,} weights)"
    return [
        _ratio(f"{about}, in threads: latency", took, "service", "bare", LIMIT),
        _ratio("... CPU", spent, "service", "bare", LIMIT),
        _ratio("... in the loop: latency", took, "service in loop", "bare in loop", None),
        _ratio("... CPU", spent, "service in loop", "bare in loop", None),
        _ratio("... in threads / bare in the loop: latency", took, "service", "bare in loop", None),
        _ratio("... in this process: CPU", inside, "service", "bare", None),
    ]


def _ratio(
    what: str, took: Mapping[str, float], ours: str, theirs: str, limit: float | None
) -> Row:
    note = f"{took[ours] * 1e6:.0f} of {took[theirs] * 1e6:.0f} us"
    return Row(what, took[ours] / took[theirs], limit, "x", note)


def _inside(network: Network, registry: RegistryRepository, rounds: int) -> Mapping[str, float]:
    """Compare `predict` with the session that it runs."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(network.file), settings, providers=["CPUExecutionProvider"]
    )
    feed = {"x": np.ones((1, *network.shape), dtype=np.float32)}
    with InferenceService(_MODEL, registry) as service:
        runs = {"service": lambda: service.predict(feed), "bare": lambda: session.run(None, feed)}
        return {name: _cpu(run, rounds) for name, run in runs.items()}


def _cpu(run: Callable[[], object], rounds: int) -> float:
    """Answer the median seconds of CPU of a call."""
    spent = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(_BATCH):
            run()
        spent.append((time.process_time() - began) / _BATCH)
    return statistics.median(spent)


Took = Mapping[str, float]


def _over_http(network: Network, uri: str, rounds: int) -> tuple[Took, Took]:
    """Answer the median seconds, and the seconds of CPU, of a request to each contestant."""
    python = sys.executable
    ours = [python, "-m", "modelry.cli.main", "infer", _MODEL, "--registry", uri, "--port"]
    bare = [python, "-m", "uvicorn", "--app-dir", str(Path(__file__).parent), "--log-level",
            "warning", "--no-access-log", "bare_inference:app", "--port"]  # fmt: skip
    model = {"BARE_MODEL": str(network.file)}
    contestants = {
        "service": (ours, {}),
        "service in loop": (ours, {"MODELRY_INFER_IN_LOOP": "true"}),
        "bare": (bare, model),
        "bare in loop": (bare, {**model, "BARE_THREADS": "none"}),
    }
    with contextlib.ExitStack() as stack:
        asking = {
            name: stack.enter_context(_asking(command, env, network.body))
            for name, (command, env) in contestants.items()
        }
        return _race(asking, rounds)


class _Asking:
    """One connection that sends the same request, and waits for its answer."""

    def __init__(self, port: int, body: bytes, process: int) -> None:
        self.process = process
        head = (
            f"POST /v2/models/{_MODEL}/infer HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._request = head.encode() + body
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self) -> None:
        """Ask once."""
        self._socket.sendall(self._request)
        answer = b""
        while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
            answer += self._socket.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 200"), answer

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


@contextlib.contextmanager
def _asking(command: Sequence[str], env: Mapping[str, str], body: bytes) -> Iterator[_Asking]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    whole = [*command, str(port)]
    with started(whole, f"http://127.0.0.1:{port}", "/v2/health/live", env) as server:
        asking = _Asking(port, body, server.process.pid)
        yield asking
        asking.close()


def _race(asking: Mapping[str, _Asking], rounds: int) -> tuple[Took, Took]:
    """Let each ask a batch in its turn, after one that warms up."""
    took: dict[str, list[float]] = {name: [] for name in asking}
    for each in asking.values():
        for _ in range(_BATCH):
            each.ask()
    before = {name: cpu_seconds(each.process) for name, each in asking.items()}
    for _ in range(rounds):
        for name, each in asking.items():
            for _ in range(_BATCH):
                began = time.perf_counter()
                each.ask()
                took[name].append(time.perf_counter() - began)
    spent = {name: (cpu_seconds(each.process) - before[name]) / len(took[name])
             for name, each in asking.items()}  # fmt: skip
    return {name: statistics.median(seconds) for name, seconds in took.items()}, spent


def _swap(made: Sequence[Network], folder: Path) -> Row:
    """Measure from the end of a promotion to the first answer by the new version, polled at once."""
    file = made[2].file
    seconds = []
    with connect(f"sqlite:///{folder / 'swaps.db'}") as registry:
        for number in range(1, 11):
            file.write_bytes(file.read_bytes() + b"\x12\x01" + bytes([48 + number % 10]))
            registry.register(_MODEL, file, version=str(number))
        registry.promote(f"{_MODEL}:1", "production")
        with InferenceService(_MODEL, registry, poll_seconds=0.01) as service:
            feed = np.ones((1, *made[2].shape), dtype=np.float32)
            for number in range(2, 11):
                registry.promote(f"{_MODEL}:{number}", "production")
                began = time.perf_counter()
                while service.predict(feed).version != number:
                    time.sleep(0.0005)
                seconds.append(time.perf_counter() - began)
    note = (
        f"{made[2].weights:,} weights, looking every 10 ms; the slowest {max(seconds) * 1e3:.0f} ms"
    )
    return Row(
        "from a promotion to the first answer", statistics.median(seconds) * 1e3, None, "ms", note
    )


if __name__ == "__main__":
    main()
