"""An S3 server to test with: moto, in a process of its own, on a free port.

with started_s3() as endpoint:
    blobs = open_objects(fresh_bucket(endpoint))
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.request import Request, urlopen

_SERVE = """
import logging, sys
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").disabled = True
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""

CREDENTIALS: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
}

QUICK = "connect_timeout=2&timeout=20&retry_timeout=8&retries=3"
"""Options of an address: patient enough for a busy machine, and soon done where a store is away."""


@contextmanager
def started_s3() -> Iterator[str]:
    """Run an empty S3 server, with credentials in the environment; answer its endpoint.

    It ends with the context, or with this process.
    """
    with serving([sys.executable, "-c", _SERVE], CREDENTIALS) as endpoint:
        yield endpoint


@contextmanager
def serving(command: Sequence[str], credentials: Mapping[str, str]) -> Iterator[str]:
    """Run a server that prints its port and ends with its standard input; answer its endpoint."""
    before = {name: os.environ.get(name) for name in credentials}
    os.environ.update(credentials)
    server = subprocess.Popen(  # noqa: S603 - our own interpreter
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        assert port, "moto did not start: is moto[server] installed?"
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.communicate()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def fresh_bucket(endpoint: str, options: str = QUICK) -> str:
    """Make an empty bucket and answer the address of a place in it."""
    return (
        f"s3://{made_bucket(endpoint)}/team/models?endpoint={endpoint}&region=us-east-1&{options}"
    )


def made_bucket(endpoint: str) -> str:
    """Make an empty bucket and answer its name."""
    name = f"bucket-{os.urandom(6).hex()}"
    with urlopen(Request(f"{endpoint}/{name}", method="PUT"), timeout=30) as answer:  # noqa: S310 - our own server
        assert answer.status == 200
    return name
