"""A server that speaks Google Cloud Storage's XML API, to test with.

with started_google() as endpoint:
    blobs = open_objects(fresh_google_bucket(endpoint))

Google's XML API is S3's with other names for the headers, other preconditions
and other signatures (https://cloud.google.com/storage/docs/xml-api/overview).
Here moto keeps the objects, and what stands before it looks after the rest.
Links are checked to the last bit. Other requests come without a token: one can
be had from Google's own address only.
"""

from __future__ import annotations

import hashlib
import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key

from modelry.testing.s3 import QUICK, made_bucket, serving

KEY = "GOOGLE_SERVICE_ACCOUNT_KEY"
_ACCOUNT = "registry@models.iam.gserviceaccount.com"
_HOST = "storage.googleapis.com"
"""What links are signed for, whatever the endpoint."""

_SIGNED = "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request"
"""What moto takes for a signature: it looks for one and does not check it."""

_META = ("x-goog-meta-", "x-amz-meta-")

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class Google:
    """Answers as Google does, from what an S3 server keeps."""

    def __init__(self, s3: Wsgi, key: RSAPublicKey) -> None:
        self._s3 = s3
        self._key = key

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request (WSGI)."""
        refusal = self._refusal(environ)
        if refusal:
            start(refusal, [("Content-Type", "application/xml"), ("Content-Length", "0")])
            return [b""]

        def begin(status: str, headers: Headers, *more: object) -> object:
            theirs = [(name.replace(_META[1], _META[0]), value) for name, value in headers]
            theirs.append(("x-goog-generation", "1"))
            return start(status, theirs, *more)

        return self._s3(_translated(environ), begin)

    def _refusal(self, environ: Environ) -> str:
        """Answer the status of a request that goes no further."""
        asked = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
        if "X-Goog-Signature" in asked:
            return "" if self._is_signed(environ, asked) else "403 Forbidden"
        generation = environ.get("HTTP_X_GOOG_IF_GENERATION_MATCH", "0")
        if generation != "0":
            return "501 Not Implemented"
        if environ["REQUEST_METHOD"] == "DELETE" and "uploadId" not in asked:
            return "" if self._has(environ) else "404 Not Found"
        return ""

    def _has(self, environ: Environ) -> bool:
        """Say whether an object is there: Google minds if one that is not is deleted."""
        told: list[str] = []
        looked = {**_translated(environ), "REQUEST_METHOD": "HEAD"}
        list(self._s3(looked, lambda status, *_: told.append(status)))
        return told[0].startswith("200")

    def _is_signed(self, environ: Environ, asked: dict[str, str]) -> bool:
        """Check a V4 signature (https://cloud.google.com/storage/docs/authentication/canonical-requests)."""
        signature = bytes.fromhex(asked.pop("X-Goog-Signature"))
        begun = datetime.strptime(asked["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        lasting = timedelta(seconds=int(asked["X-Goog-Expires"]))
        query = urlencode(sorted(asked.items()), quote_via=quote, safe="-_.~")
        request = "\n".join((
            environ["REQUEST_METHOD"], environ["REQUEST_URI"].partition("?")[0], query,
            f"host:{_HOST}", "", "host", "UNSIGNED-PAYLOAD",
        ))  # fmt: skip
        scope = asked["X-Goog-Credential"].partition("/")[2]
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join((asked["X-Goog-Algorithm"], asked["X-Goog-Date"], scope, digest))
        try:
            self._key.verify(signature, text.encode(), PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return begun - timedelta(minutes=1) <= datetime.now(UTC) <= begun + lasting


def _translated(environ: Environ) -> Environ:
    """Answer a request in the words of S3."""
    theirs = {name.replace("HTTP_X_GOOG_", "HTTP_X_AMZ_"): each for name, each in environ.items()}
    if "HTTP_X_GOOG_IF_GENERATION_MATCH" in environ:
        theirs["HTTP_IF_NONE_MATCH"] = "*"
    path = quote(environ["PATH_INFO"].encode("latin-1"), safe="/~")
    query = environ["QUERY_STRING"]
    theirs["REQUEST_URI"] = theirs["RAW_URI"] = f"{path}?{query}" if query else path
    theirs["HTTP_AUTHORIZATION"] = _SIGNED
    return theirs


@contextmanager
def started_google() -> Iterator[str]:
    """Run an empty server, with a service account in the environment; answer its endpoint."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    account = {
        "type": "service_account", "client_email": _ACCOUNT, "private_key_id": "1",
        "private_key": private.decode(), "disable_oauth": True,
    }  # fmt: skip
    command = [sys.executable, "-m", __name__, b64encode(public).decode()]
    with serving(command, {KEY: json.dumps(account)}) as endpoint:
        yield endpoint


def fresh_google_bucket(endpoint: str, options: str = QUICK) -> str:
    """Make an empty bucket and answer the address of a place in it."""
    return f"gs://{made_bucket(endpoint)}/team/models?endpoint={endpoint}&{options}"


def main() -> None:
    """Serve, print the port, and end with the standard input."""
    from threading import Thread

    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    public = serialization.load_der_public_key(b64decode(sys.argv[1]))
    assert isinstance(public, RSAPublicKey)
    app = Google(DomainDispatcherApplication(create_backend_app), public)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
    Thread(target=server.serve_forever, daemon=True).start()
    print(server.port, flush=True)  # noqa: T201 - the answer
    sys.stdin.read()


if __name__ == "__main__":
    main()
