"""TLS before a PostgreSQL that has none: answers the client's question for it, then passes bytes."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

_TLS, _GSS = 80877103, 80877104
"""What a client asks before anything else, in PostgreSQL's protocol ("SSLRequest")."""


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a certificate for `name` and 127.0.0.1 that signs itself; answer it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(name),
                                         x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])  # fmt: skip
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    chain, secret = folder / f"{name}.crt", folder / f"{name}.key"
    chain.write_bytes(made.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return chain, secret


@contextmanager
def tls_before(server: str, chain: Path, key: Path) -> Iterator[int]:
    """Answer a port of 127.0.0.1 at which the socket `server` speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=(listening, server, context), daemon=True).start()
        yield int(listening.getsockname()[1])


def _accept(listening: socket.socket, server: str, context: ssl.SSLContext) -> None:
    with suppress(OSError):  # the test is over
        while True:
            client, _ = listening.accept()
            threading.Thread(target=_serve, args=(client, server, context), daemon=True).start()


def _serve(client: socket.socket, server: str, context: ssl.SSLContext) -> None:
    with suppress(OSError), client, socket.socket(socket.AF_UNIX) as behind:
        while True:
            length, asked = struct.unpack("!II", client.recv(8, socket.MSG_WAITALL))
            assert length == 8
            if asked == _GSS:
                client.sendall(b"N")
                continue
            assert asked == _TLS
            client.sendall(b"S")
            break
        with context.wrap_socket(client, server_side=True) as secure:
            behind.connect(server)
            _pass(secure, behind)


def _pass(secure: ssl.SSLSocket, behind: socket.socket) -> None:
    """Pass bytes both ways, in one thread: two may not share a TLS connection."""
    secure.settimeout(0.002)
    behind.settimeout(0.002)
    while True:
        for one, other in ((secure, behind), (behind, secure)):
            try:
                piece = one.recv(65_536)
            except TimeoutError:
                continue
            if not piece:
                return
            other.settimeout(None)
            other.sendall(piece)
            other.settimeout(0.002)
