"""The least that an inference over HTTP costs here: a session of onnxruntime behind uvicorn.

`BARE_MODEL` names the ONNX file; `BARE_THREADS` is `pool` for Starlette's way to
keep the event loop free (a thread of anyio's pool for each request), or `none` to
run the model in the event loop. No checks, no figures, no log, no registry.
"""

from __future__ import annotations

import os

import anyio.to_thread
import msgspec
import numpy as np
import onnxruntime
from starlette.types import Receive, Scope, Send

_OPTIONS = onnxruntime.SessionOptions()
_OPTIONS.intra_op_num_threads = 1
_SESSION = onnxruntime.InferenceSession(
    os.environ["BARE_MODEL"], _OPTIONS, providers=["CPUExecutionProvider"]
)
_OUTPUT = _SESSION.get_outputs()[0].name
_POOL = os.environ.get("BARE_THREADS", "pool") == "pool"


def answer(body: bytes) -> bytes:
    """Read a request, run the session, write the answer."""
    tensor = msgspec.json.decode(body)["inputs"][0]
    array = np.array(tensor["data"], dtype=np.float32).reshape(tensor["shape"])
    (result,) = _SESSION.run(None, {tensor["name"]: array})
    output = {
        "name": _OUTPUT,
        "datatype": "FP32",
        "shape": list(result.shape),
        "data": result.ravel().tolist(),
    }
    return msgspec.json.encode({"model_name": "m", "model_version": "1", "outputs": [output]})


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer every request by the model."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    message = await receive()
    body = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    if scope["method"] == "GET":
        said = b"{}"
    elif _POOL:
        said = await anyio.to_thread.run_sync(answer, body)
    else:
        said = answer(body)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(said)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": said})
