"""What is fetched of an issuer, from where, and what is never contacted."""

from __future__ import annotations

import datetime as dt
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc.jwk import ECKey, OctKey

from modelry.core.errors import Invalid, Unauthenticated, Unavailable
from modelry.server.signin import fetching
from modelry.server.signin.fetching import Fetcher, check_url, may_contact
from modelry.server.signin.jwks import Issuers
from modelry.testing.identity import DISCOVERY, Answer, IdentityProvider, identity_provider

EC = ("ES256", "EC", "P-256")


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as running:
        yield running


def issuers_of(provider: IdentityProvider, now: Callable[[], float] = lambda: 0.0) -> Issuers:
    return Issuers([provider.issuer], insecure_loopback=True, monotonic=now)


def published(document: dict[str, Any]) -> Answer:
    return Answer(200, json.dumps(document).encode())


@pytest.mark.parametrize(
    ("address", "public", "of_a_vouched_host"),
    [
        ("93.184.216.34", True, True),
        ("2606:2800:220:1:248:1893:25c8:1946", True, True),
        ("10.0.0.1", False, True),
        ("172.16.9.9", False, True),
        ("192.168.1.1", False, True),
        ("127.0.0.1", False, True),
        ("100.64.0.1", False, True),
        ("::1", False, True),
        ("fd00::1", False, True),
        ("169.254.169.254", False, False),
        ("fe80::1", False, False),
        ("fe80::1%eth0", False, False),
        ("0.0.0.0", False, False),  # noqa: S104 - nothing is bound
        ("::", False, False),
        ("224.0.0.1", False, False),
        ("ff02::1", False, False),
        ("::ffff:127.0.0.1", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("::ffff:93.184.216.34", False, False),
        ("::127.0.0.1", False, False),
        ("::93.184.216.34", False, False),
        ("2002:7f00:1::", False, False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False, False),
        ("64:ff9b:1::a00:1", False, True),
        ("240.0.0.1", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("64:ff9b::5db8:d822", True, True),
    ],
)
def test_which_addresses_are_contacted(
    address: str,
    public: bool,  # noqa: FBT001 - a column of the table
    of_a_vouched_host: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert may_contact(address, vouched=False) is public
    assert may_contact(address, vouched=True) is of_a_vouched_host
    near = address in {"127.0.0.1", "::1"}
    assert may_contact(address, vouched=True, loopback_only=True) is near


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com", "ftp://example.com", "//example.com", "https://", "https://a b",
        "https://user@example.com", "https://user:pw@example.com", "https://example.com#x",
        "https://example.com:99999", "https://[::1", "https://ex\u00e4mple.com", "file:///etc",
        "https://example.com/" + "x" * 2000, "https://example.com\r\nX: y", "", "HTTPS://EXAMPLE",
    ],
)  # fmt: skip
def test_an_issuer_is_reached_by_plain_https_alone(url: str) -> None:
    with pytest.raises(Invalid, match="is an address like https"):
        check_url(url, "an issuer")


def test_http_is_taken_to_this_machine_alone_and_only_where_tests_say_so() -> None:
    assert check_url("http://localhost:80/x", "it", insecure_loopback=True).target == "/x"
    for url in ("http://127.0.0.1:1", "http://localhost"):
        with pytest.raises(Invalid):
            check_url(url, "it")
    with pytest.raises(Invalid):
        check_url("http://localhost.example.com", "it", insecure_loopback=True)


def test_what_an_issuer_publishes_is_fetched_once_and_kept(provider: IdentityProvider) -> None:
    issuers = issuers_of(provider)
    for _ in range(5):
        kid = provider.keys["EC"].kid
        assert issuers.key(provider.issuer, kid, *EC).kid is not None or kid
        assert issuers.endpoints(provider.issuer).token == f"{provider.issuer}/token"
    assert provider.asked == [DISCOVERY, "/jwks"]


def test_many_who_ask_at_once_make_one_question(provider: IdentityProvider) -> None:
    issuers = issuers_of(provider)
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        issuers.endpoints(provider.issuer)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert provider.asked == [DISCOVERY, "/jwks"]


def test_keys_are_fetched_anew_after_an_hour_and_used_six_while_the_issuer_is_away(
    provider: IdentityProvider,
) -> None:
    now = [0.0]
    issuers = issuers_of(provider, lambda: now[0])
    issuers.endpoints(provider.issuer)
    now[0] = 3601
    issuers.endpoints(provider.issuer)
    assert provider.asked.count("/jwks") == 2
    provider.answers["/jwks"] = Answer(500)
    now[0] += 5 * 3600
    issuers.endpoints(provider.issuer)
    now[0] += 2 * 3600
    with pytest.raises(Unavailable, match="cannot be asked now"):
        issuers.endpoints(provider.issuer)


def test_an_issuer_that_nobody_trusts_is_refused_before_anything_is_asked(
    provider: IdentityProvider,
) -> None:
    issuers = Issuers([], insecure_loopback=True)
    with pytest.raises(Unauthenticated, match="does not trust the issuer"):
        issuers.key(provider.issuer, None, *EC)
    assert provider.connections == 0


@pytest.mark.parametrize("path", [DISCOVERY, "/jwks"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(provider: IdentityProvider, path: str, status: int) -> None:
    with identity_provider() as elsewhere:
        place = {"Location": f"{elsewhere.issuer}{path}"}
        provider.answers[path] = Answer(status, headers=place)
        with pytest.raises(Unavailable, match=f"answers {status}"):
            issuers_of(provider).endpoints(provider.issuer)
        assert elsewhere.connections == 0


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404), Answer(204), Answer(200, b"<html>"), Answer(200, b"[]"), Answer(200, b""),
        Answer(200, b'{"issuer":"a","issuer":"b"}'),
        Answer(200, b'{"issuer":"' + b"x" * 70_000 + b'"}'),
        Answer(200, b"{}"),
        Answer(200, b'{"issuer":"https://evil.example","jwks_uri":"https://evil.example/jwks"}'),
        Answer(200, b"\x1f\x8b", {"Content-Encoding": "gzip"}),
    ],
)  # fmt: skip
def test_a_discovery_document_that_cannot_be_used_is_not_used(
    provider: IdentityProvider, answer: Answer
) -> None:
    provider.answers[DISCOVERY] = answer
    with pytest.raises(Unavailable):
        issuers_of(provider).endpoints(provider.issuer)
    assert provider.asked == [DISCOVERY]


@pytest.mark.parametrize("said", ["https://evil.example", "", None, ["x"], "{issuer}/"])
def test_a_discovery_document_of_another_issuer_is_not_used(
    provider: IdentityProvider, said: object
) -> None:
    issuer = said.format(issuer=provider.issuer) if isinstance(said, str) else said
    document = {"issuer": issuer, "jwks_uri": f"{provider.issuer}/jwks"}
    provider.answers[DISCOVERY] = published(document)
    with pytest.raises(Unavailable, match="that of another issuer"):
        issuers_of(provider).endpoints(provider.issuer)
    assert provider.asked == [DISCOVERY]


@pytest.mark.parametrize(
    "place",
    [
        "", "file:///etc/passwd", "http://169.254.169.254/latest/meta-data", "https://127.0.0.1/",
        "https://localhost:1/jwks", "https://10.0.0.1/jwks", "https://[::ffff:127.0.0.1]/jwks",
        "https://169.254.169.254/jwks", "http://localhost:1/jwks", "https://2130706433/jwks",
    ],
)  # fmt: skip
def test_keys_at_another_host_are_fetched_from_public_addresses_alone(
    provider: IdentityProvider, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {"issuer": provider.issuer, "jwks_uri": place}
    provider.answers[DISCOVERY] = published(document)
    tried: list[str] = []
    sent = fetching._exchange

    def seen(where: fetching.Place, *rest: Any) -> bytes:  # noqa: ANN401 - as they come
        tried.append(where.target)
        return sent(where, *rest)

    monkeypatch.setattr(fetching, "_exchange", seen)
    with pytest.raises(Unavailable):
        issuers_of(provider).endpoints(provider.issuer)
    if not place.startswith("https://127.0.0.1"):
        assert tried == [DISCOVERY]


def test_a_name_that_has_one_private_address_is_not_contacted_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = [("93.184.216.34", 443), ("10.0.0.1", 443)]
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", each) for each in both]
    )
    with pytest.raises(Unavailable, match=r"10\.0\.0\.1, which this server does not contact"):
        Fetcher().get("https://rebinding.example/", 10, vouched=False)


def test_a_name_is_resolved_once_and_that_very_address_is_connected_to(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo
    port = int(provider.issuer.rpartition(":")[2])

    def resolve(host: str, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 - as they come
        if host != "localhost":
            return real(host, *rest, **more)
        asked.append(host)
        there = "127.0.0.1" if len(asked) == 1 else "10.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (there, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    body = Fetcher(insecure_loopback=True).get(f"http://localhost:{port}/jwks", 9999, vouched=True)
    assert json.loads(body)["keys"]
    assert asked == ["localhost"]


def test_a_proxy_of_the_environment_is_not_used(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert issuers_of(provider).endpoints(provider.issuer).issuer == provider.issuer


def test_keys_that_cannot_verify_are_passed_over(provider: IdentityProvider) -> None:
    good = provider.keys["EC"].as_dict(private=False)
    short = {"kty": "RSA", "n": "AQAB" * 40, "e": "AQAB", "kid": "short"}
    keys = [
        {"kty": "AKP", "kid": "new"}, 7, {}, short, {"kty": "EC", "crv": "P-256"},
        {**good, "use": "enc", "kid": "enc"}, {**good, "x": "AAAA", "kid": "bad"},
        OctKey.generate_key(256).as_dict(), good,
    ]  # fmt: skip
    provider.answers["/jwks"] = published({"keys": keys})
    issuers = issuers_of(provider)
    assert issuers.key(provider.issuer, None, *EC) is not None
    for kid in ("new", "short", "enc", "bad"):
        for kind in (EC, ("RS256", "RSA", None)):
            with pytest.raises(Unauthenticated):
                issuers.key(provider.issuer, kid, *kind)


def test_a_token_that_names_no_key_is_taken_where_there_is_but_one(
    provider: IdentityProvider,
) -> None:
    two = [ECKey.generate_key("P-256", {"kid": kid}).as_dict(private=False) for kid in "ab"]
    provider.answers["/jwks"] = published({"keys": two})
    issuers = issuers_of(provider)
    assert issuers.key(provider.issuer, "a", *EC) is not None
    with pytest.raises(Unauthenticated):
        issuers.key(provider.issuer, None, *EC)


def certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate for `name`, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - day).not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path, private = folder / f"{name}.pem", folder / f"{name}.key"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, private)
    return path, context


@pytest.mark.parametrize("name", ["localhost", "other.example"])
def test_a_certificate_must_be_that_of_the_host_though_its_address_is_connected_to(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, context = certificate(tmp_path, name)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    fetching._trust.cache_clear()
    try:
        with identity_provider(host="localhost", tls=context) as provider:
            issuers = Issuers([provider.issuer])
            if name == "localhost":
                assert issuers.endpoints(provider.issuer).issuer == provider.issuer
            else:
                with pytest.raises(Unavailable, match="does not answer"):
                    issuers.endpoints(provider.issuer)
    finally:
        fetching._trust.cache_clear()
