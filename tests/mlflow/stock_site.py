"""What the tests with a stock MLflow client share: a server, and MLflow pointed at it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import mlflow
import pytest

from modelry.remotes.client.client import Client
from modelry.remotes.client.opening import open_client
from modelry.testing.server import served

STOCK = "MODELRY_TEST_MLFLOW"
"""The environment variable with the address of a running `mlflow server`, to try these tests on."""

THEIRS = pytest.mark.filterwarnings(
    "ignore:.*Model registry stages will be removed:FutureWarning",  # they are spoken until then
    "ignore:.*[Tt]ype hint:UserWarning",  # of models that say nothing of their input
    "ignore::pandas.errors.Pandas4Warning",  # MLflow calls pandas as it did before version 4
)
"""What MLflow warns of in its own code, or of what is asked here on purpose."""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Site:
    """A server, what to show it, and whose it is."""

    url: str
    token: str = field(repr=False)
    kind: str
    home: Path | None

    @property
    def ours(self) -> bool:
        """Whether it is a Modelry server."""
        return self.kind == "modelry"

    @contextmanager
    def native(self) -> Iterator[Client]:
        """Open the registry by its own client."""
        assert self.home is not None, "MLflow's own server has no native API"
        with open_client(self.url, home=self.home, token=self.token) as client:
            yield client


@contextmanager
def modelry_site(folder: Path, uri: str) -> Iterator[Site]:
    """Serve a registry from a folder."""
    blobs = (folder / "blobs").as_uri()
    with served(uri, blobs, MODELRY_HOME=str(folder), MODELRY_LOG="off") as server:
        yield Site(server.url, server.token, "modelry", folder / "client")


@contextmanager
def pointed(site: Site, tracking: str, *, registry: str | None = None) -> Iterator[None]:
    """Point MLflow at a server, and forget that in the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_EXPERIMENT_ID", "")  # MLflow sets it, and nobody takes it away again
        patch.delenv("MLFLOW_EXPERIMENT_ID")
        if site.token:
            patch.setenv("MLFLOW_TRACKING_TOKEN", site.token)
        patch.setenv("MLFLOW_TRACKING_URI", tracking)
        patch.setenv("MLFLOW_REGISTRY_URI", registry or site.url)
        mlflow.set_tracking_uri(tracking)
        mlflow.set_registry_uri(registry or site.url)
        try:
            yield
        finally:
            while mlflow.active_run():
                mlflow.end_run()
            mlflow.set_registry_uri("")
            mlflow.set_tracking_uri("")


def fresh(word: str) -> str:
    """Answer a name that no other test uses on any server."""
    return f"{word}-{os.getpid()}-{next(_numbers)}"
