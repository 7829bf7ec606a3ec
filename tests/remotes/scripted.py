"""A small server that keeps uploads and files in memory and fails where it is told to."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from modelry.core.documents import version_document
from modelry.core.model import File, Version
from modelry.core.sealing import digest_of
from modelry.testing.examples import some_model, some_version

MODEL = some_model("m")


@dataclass
class Heard:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Fault = Callable[["Handler", Heard], bool]


@dataclass
class Script:
    """What the server has, what it heard, and how it fails.

    `faults` are asked first, in order: each sees a request and may answer it in
    place of the server (True: done), once.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    wanted: dict[str, tuple[str, int]] = field(default_factory=dict)
    kept: dict[str, bytes] = field(default_factory=dict)
    cut: int | None = None
    """Bytes of the next body to read before the connection is cut."""

    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def version(self) -> Version:
        """The only version: all files."""
        rows = [
            File(path, hashlib.sha256(data).hexdigest(), len(data))
            for path, data in sorted(self.files.items())
        ]
        size, digest = sum(row.size for row in rows), digest_of(rows)
        return some_version(MODEL, 1, files=tuple(rows), size=size, kind="folder", digest=digest)

    def asked(self, method: str, part: str) -> list[Heard]:
        """Answer the requests of a method whose path has `part`."""
        return [each for each in self.heard if each.method == method and part in each.path]


class Handler(BaseHTTPRequestHandler):
    """Answers as the native API does, as far as bytes are concerned."""

    protocol_version = "HTTP/1.1"
    script: Script

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def serve(self) -> None:
        script = self.script
        body = self._body()
        if body is None:
            return
        heard = Heard(
            self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body
        )
        with script.lock:
            script.heard.append(heard)
            faults = list(script.faults)
        for fault in faults:
            if fault(self, heard):
                with script.lock:
                    script.faults.remove(fault)
                return
        with script.lock:
            self._answer(heard)

    def __getattr__(self, name: str) -> object:
        """Answer every method alike."""
        if name.startswith("do_"):
            return self.serve
        raise AttributeError(name)

    def _body(self) -> bytes | None:
        """Read the body; where it is to be cut, keep what came and close."""
        length = int(self.headers.get("content-length") or 0)
        script = self.script
        if self.command == "PATCH" and script.cut is not None and length > script.cut:
            data = self.rfile.read(script.cut)
            script.cut = None
            upload = self.path.rsplit("/", 1)[1]
            with script.lock:
                script.uploads[upload] += data
            self.drop()
            return None
        return self.rfile.read(length)

    def drop(self) -> None:
        """Cut the connection."""
        self.close_connection = True
        self.connection.shutdown(2)

    def send(self, status: int, document: object = None, **headers: str) -> None:
        data = b"" if document is None else json.dumps(document).encode()
        self.raw(status, data, **{"Content-Type": "application/json", **headers})

    def raw(self, status: int, data: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def problem(self, status: int, code: str, detail: str, **facts: object) -> None:
        document = {"status": status, "detail": detail, "code": code, "facts": facts}
        self.send(status, document, **{"Content-Type": "application/problem+json"})

    def _answer(self, heard: Heard) -> None:
        path = urlsplit(heard.path).path
        if path.endswith("/uploads/missing"):
            digests = json.loads(heard.body)["digests"]
            self.send(200, {"missing": [each for each in digests if each not in self.script.kept]})
        elif path.endswith("/uploads"):
            self._begin(json.loads(heard.body))
        elif match := re.search(r"/uploads/(\w+)$", path):
            self._upload(match[1], heard)
        elif match := re.search(r"/files/(.+)$", path):
            self._file(self.script.files[unquote(match[1])], heard)
        elif path.endswith("/versions") and heard.method == "POST":
            self._seal(json.loads(heard.body))
        elif path.endswith("/resolve"):
            self.send(200, version_document(self.script.version))
        else:
            self.problem(404, "not_found", f"nothing is at {path}")

    def _begin(self, body: dict[str, object]) -> None:
        upload = f"{len(self.script.uploads):032x}"
        self.script.uploads[upload] = bytearray()
        self.script.wanted[upload] = (str(body["sha256"]), int(str(body["size"])))
        self._finish(upload)
        self.send(201, {"id": upload, "offset": 0})

    def _upload(self, upload: str, heard: Heard) -> None:
        script = self.script
        if upload not in script.uploads:
            self.problem(404, "not_found", "there is no such upload", upload=upload)
            return
        data = script.uploads[upload]
        if heard.method == "PATCH":
            if int(heard.headers["upload-offset"]) != len(data):
                self.problem(416, "invalid", "another offset", received=len(data))
                return
            data += heard.body
            if not self._finish(upload):
                del script.uploads[upload]
                self.problem(422, "invalid", "the bytes that arrived have another sha256")
                return
            self.raw(204, b"", Upload_Offset=str(len(data)))
            return
        complete = len(data) == script.wanted[upload][1]
        self.send(200, {"id": upload, "offset": len(data), "complete": complete})

    def _finish(self, upload: str) -> bool:
        """Keep an upload that is whole; False where its bytes are wrong."""
        sha256, size = self.script.wanted[upload]
        data = bytes(self.script.uploads[upload])
        if len(data) < size:
            return True
        right = hashlib.sha256(data).hexdigest() == sha256
        if right:
            self.script.kept[sha256] = data
        return right

    def _file(self, data: bytes, heard: Heard) -> None:
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", heard.headers.get("range", ""))
        if match is None:
            self.raw(200, data)
        else:
            self.raw(206, data[int(match[1]) : int(match[2]) + 1])

    def _seal(self, body: dict[str, list[dict[str, str]]]) -> None:
        lacking = [row for row in body["files"] if row["sha256"] not in self.script.kept]
        if lacking:
            sha256 = lacking[0]["sha256"]
            self.problem(404, "not_found", "the bytes are not here", sha256=sha256)
        else:
            self.script.files = {
                row["path"]: self.script.kept[row["sha256"]] for row in body["files"]
            }
            self.send(201, version_document(self.script.version))


class Quiet(ThreadingHTTPServer):
    """Says nothing where a client goes away."""

    def handle_error(self, *_: object) -> None:
        """Leave it."""


@contextmanager
def scripted(script: Script) -> Iterator[str]:
    """Serve `script` and answer the address."""
    handler = type("Scripted", (Handler,), {"script": script})
    server = Quiet(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
