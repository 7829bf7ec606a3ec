"""Models whose answers tell which version they are, and services that answer over HTTP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from onnx import TensorProto, helper, numpy_helper

from modelry.core.repository import RegistryRepository
from modelry.serving import InferenceService
from modelry.serving.http import HttpOptions, asgi_app
from modelry.telemetry import TelemetrySettings

MODEL = "scaled"


def scaled(place: Path, factor: float, *, width: int = 2, known: int | str = "batch") -> Path:
    """Write a network that answers `factor` times what it is given."""
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, [known, width])
    answered = helper.make_tensor_value_info("y", TensorProto.FLOAT, [known, width])
    weight = numpy_helper.from_array(np.array(factor, dtype=np.float32), "factor")
    node = helper.make_node("Mul", ["x", "factor"], ["y"])
    return written(place, [node], [taken], [answered], [weight])


def written(
    place: Path,
    nodes: Sequence[Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    weights: Sequence[Any] = (),
) -> Path:
    """Write an ONNX file of one graph."""
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs), list(weights))
    opset = [helper.make_opsetid("", 17)]
    place.parent.mkdir(parents=True, exist_ok=True)
    made = helper.make_model(graph, opset_imports=opset, ir_version=9)
    place.write_bytes(made.SerializeToString())
    return place


def promoted(registry: RegistryRepository, place: Path, *, model: str = MODEL) -> int:
    """Register what is at `place`, promote it, and answer its number."""
    version = registry.register(model, place)
    registry.promote(version.ref, "production")
    return version.number


@dataclass
class Told:
    """Alerts, kept."""

    said: list[tuple[str, str]] = field(default_factory=list)

    def notify(self, title: str, message: str) -> None:
        self.said.append((title, message))


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.body)

    @property
    def error(self) -> str:
        document = self.json
        assert set(document) == {"error"}
        assert "Traceback" not in document["error"]
        return str(document["error"])


class Caller:
    """One connection that is kept open."""

    def __init__(self, port: int) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, body, named)
        response = self.connection.getresponse()
        given = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, given, response.read())

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, None, **headers)

    def infer(self, document: object, *, model: str = MODEL, **headers: str) -> Answer:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.ask("POST", f"/v2/models/{model}/infer", body, **headers)

    def close(self) -> None:
        self.connection.close()


def row(*numbers: float, **more: object) -> dict[str, object]:
    """Ask for one row."""
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, len(numbers)], "data": list(numbers)}
    return {"inputs": [tensor], **more}


@contextmanager
def answering(service: InferenceService, options: HttpOptions | None = None) -> Iterator[Caller]:
    """Answer for a service over a real socket, from a thread."""
    app = asgi_app(service, options or HttpOptions(threads=2), TelemetrySettings(log="off"))
    config = uvicorn.Config(app, port=0, lifespan="on", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive()
        port = server.servers[0].sockets[0].getsockname()[1]
        with closing(Caller(port)) as caller:
            yield caller
    finally:
        server.should_exit = True
        thread.join()


def free_port() -> int:
    """Answer a port that nobody listens at now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
