"""What Google Cloud Storage and Azure answer in other words than S3, on a server of a few lines."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from modelry.blobs.objects.address import read_address
from modelry.blobs.objects.bucket import Bucket
from modelry.testing.s3 import QUICK

DATA = b"weights"
WRITTEN = "Mon, 30 Nov 2026 04:00:00 GMT"
AZURE_LIST = f"""<?xml version="1.0" encoding="utf-8"?>
<EnumerationResults ServiceEndpoint="http://127.0.0.1/" ContainerName="models"><Blobs><Blob>
<Name>team/uploads/piece</Name><Properties><Last-Modified>{WRITTEN}</Last-Modified>
<Etag>0x8DC58C1DF8A4D2C</Etag><Content-Length>{len(DATA)}</Content-Length>
<Content-Type>application/octet-stream</Content-Type><BlobType>BlockBlob</BlobType>
</Properties></Blob></Blobs><NextMarker /></EnumerationResults>"""
TAG = '"0x8DC58C1DF8A4D2C"'


class Cloud(BaseHTTPRequestHandler):
    """Lists one object, as Azure's reference of List Blobs shows it, and answers its bytes."""

    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("If-Match")))
        listing = "comp=list" in self.path
        body = AZURE_LIST.encode() if listing else DATA
        self.send_response(200 if listing else 206)
        self.send_header("Content-Length", str(len(body)))
        if not listing:
            self.send_header("Content-Range", f"bytes 0-{len(DATA) - 1}/{len(DATA)}")
            self.send_header("ETag", TAG)
            self.send_header("Last-Modified", WRITTEN)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def some_cloud() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Cloud) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        Cloud.asked.clear()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_what_azure_lists_without_quotes_is_what_it_answers_with_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "bm90LWEtc2VjcmV0")
    with some_cloud() as endpoint:
        bucket = Bucket(read_address(f"az://models/team?endpoint={endpoint}/account&{QUICK}"))
        (found,) = bucket.list("uploads")
        assert (found.key, found.size, found.tag) == ("uploads/piece", len(DATA), TAG)
        assert bytes(bucket.range(found, 0, len(DATA))) == DATA
    assert [tag for _, tag in Cloud.asked] == [None, TAG]


@pytest.mark.parametrize("by", ["address", "environment"])
def test_google_is_asked_at_the_endpoint_that_is_named(
    by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
    with some_cloud() as endpoint:
        uri = f"gs://models/team?{QUICK}"
        if by == "address":
            uri += f"&endpoint={endpoint}"
        else:
            monkeypatch.setenv("GOOGLE_BASE_URL", endpoint)
        assert Bucket(read_address(uri)).read("uploads/piece") == DATA
    assert [path for path, _ in Cloud.asked] == ["/models/team%2Fuploads%2Fpiece"]
