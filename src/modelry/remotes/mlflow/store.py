"""MLflow's client, asked in whole answers: every page, every refusal as ours."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import Experiment, Run
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.store.entities.paged_list import PagedList

from modelry.core.errors import NotFound
from modelry.durable import erase, fresh_name
from modelry.remotes.foreign import without_secret
from modelry.remotes.mlflow.refusals import translated

T = TypeVar("T")

_PAGE = 1000
_QUIET = {
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""MLflow writes to the terminal by itself, into what we print for programs; unless told otherwise."""
_RUNS = 200
"""Runs asked for in one question."""


class Tracking:
    """One MLflow registry and the runs behind it. Safe to share between threads."""

    def __init__(self, uri: str) -> None:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        self.uri = uri
        self.shown = without_secret(uri)
        self.client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        self.experiment: str | None = None

    def ask(self, call: Callable[[MlflowClient], T]) -> T:
        """Answer what the client answers; its warnings about stages are for its own users."""
        with translated(self.shown), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return call(self.client)

    def registered(self, name: str) -> RegisteredModel:
        """Answer a model. Raises `NotFound`."""
        try:
            return self.ask(lambda client: client.get_registered_model(name))
        except NotFound as error:
            msg = f"there is no model {name}; register a first version"
            raise NotFound(msg, model=name) from error

    def every_model(self) -> Iterator[RegisteredModel]:
        """Answer every model by name; prompts are none."""
        return self._pages(
            lambda client, token: client.search_registered_models(
                max_results=_PAGE, order_by=["name ASC"], page_token=token
            )
        )

    def every_version(self, name: str) -> Iterator[ModelVersion]:
        """Answer every version of a model, newest first."""
        return self.find(f"name = {quoted(name)}", ["version_number DESC"])

    def newest(self, name: str) -> ModelVersion | None:
        """Answer the version of a model with the highest number, None where there is none."""
        said, order = f"name = {quoted(name)}", ["version_number DESC"]
        return next(
            iter(self.ask(lambda client: client.search_model_versions(said, 1, order))), None
        )

    def find(self, text: str, order: Sequence[str]) -> Iterator[ModelVersion]:
        """Answer every version that MLflow's filter `text` lets through."""
        return self._pages(
            lambda client, token: client.search_model_versions(
                text or None, max_results=_PAGE, order_by=list(order), page_token=token
            )
        )

    def _pages(self, ask: Callable[[MlflowClient, str | None], PagedList[T]]) -> Iterator[T]:
        token: str | None = None
        while True:
            page = self.ask(lambda client, token=token: ask(client, token))  # type: ignore[misc]  # bound now
            yield from page
            token = page.token or None
            if token is None:
                return

    def runs(self, ids: Sequence[str]) -> Mapping[str, Run]:
        """Answer runs by id, those that are there, deleted ones too."""
        wanted = sorted(set(filter(None, ids)))
        found: dict[str, Run] = {}
        if len(wanted) == 1:
            run = self.run(wanted[0])
            return {} if run is None else {wanted[0]: run}
        places = self.experiments() if wanted else []
        for at in range(0, len(wanted), _RUNS):
            some = ", ".join(quoted(each) for each in wanted[at : at + _RUNS])
            for run in self.ask(
                lambda client, some=some: client.search_runs(  # type: ignore[misc]  # bound now
                    places, f"attributes.run_id IN ({some})", run_view_type=3, max_results=_RUNS
                )
            ):
                found[run.info.run_id] = run
        return found

    def run(self, run_id: str) -> Run | None:
        """Answer a run, None where it is not there."""
        try:
            return self.ask(lambda client: client.get_run(run_id))
        except NotFound:
            return None

    def experiments(self) -> list[str]:
        """Answer the ids of every experiment."""
        found: Iterator[Experiment] = self._pages(
            lambda client, token: client.search_experiments(
                view_type=3, max_results=_PAGE, page_token=token
            )
        )
        return [each.experiment_id for each in found]

    def download(self, name: str, version: str, folder: Path) -> None:
        """Bring the files of a version into an empty folder."""
        aside = folder / fresh_name()
        with translated(self.shown):
            aside.mkdir()
            place = self.client.get_model_version_download_uri(name, version)
            came = Path(
                download_artifacts(
                    artifact_uri=place,
                    dst_path=str(aside),
                    tracking_uri=self.uri,
                    registry_uri=self.uri,
                )
            )
            for child in [came] if came.is_file() else list(came.iterdir()):
                child.rename(folder / child.name)
        erase(aside)


def quoted(text: str) -> str:
    """Write a text as MLflow's filters take it."""
    return f'"{text}"' if "'" in text else f"'{text}'"
