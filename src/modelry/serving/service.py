"""The inference service of one model: what is in production answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import Self

from modelry.core.errors import Invalid, NotFound, RegistryError, Unavailable
from modelry.core.model import Version
from modelry.core.names import parse_model
from modelry.core.repository import RegistryRepository
from modelry.serving import trial
from modelry.serving.alerts import Alerts, LoggedAlerts
from modelry.serving.asking import checked_feed
from modelry.serving.datatypes import Array
from modelry.serving.figures import figures
from modelry.serving.following import Follower, Sight
from modelry.serving.loading import load
from modelry.serving.looking import Look
from modelry.serving.recognising import recognised
from modelry.serving.refusals import no_production_model
from modelry.serving.runners import Choices
from modelry.serving.standing import Loaded, Standing
from modelry.wiring import connect

_LOG = logging.getLogger("modelry.serving")
DRAIN_SECONDS = 30.0
_STOP_SECONDS = 5.0
_LONG_AGO = 5.0


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model answered, and the version that did."""

    outputs: Mapping[str, Array]
    model: str
    version: int
    seconds: float


class InferenceService:
    """Serves the version of a model that a stage (or an alias) names, in any registry.

    `registry` is an open one, an address, or None for the usual one. The
    service looks there every `poll_seconds`, loads what is new beside what
    answers, tries it, and lets it answer from then on; what cannot be served is
    told to `alerts`. With a `target` it records there what it serves, as a
    deployment. Safe to use from any thread.
    """

    def __init__(  # noqa: PLR0913 - what an operator may decide
        self,
        model: str,
        registry: RegistryRepository | str | None = None,
        stage: str = "production",
        *,
        poll_seconds: float = 1.0,
        choices: Choices | None = None,
        alerts: Alerts | None = None,
        target: str | None = None,
    ) -> None:
        self._model, self._stage = str(parse_model(model)), stage
        self._given = registry
        self._poll_seconds, self._target = poll_seconds, target
        self._choices = choices or Choices()
        self._alerts = alerts or LoggedAlerts()
        self._figures = figures()
        self._open = ExitStack()
        self._standing: Standing | None = None
        self._follower: Follower | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def stage(self) -> str:
        """The stage or alias that is followed."""
        return self._stage

    @property
    def version(self) -> Version:
        """The version that answers now. Raises `Unavailable` where the service does not run."""
        return self._stands().current.version

    @property
    def sight(self) -> Sight:
        """What the last look at the registry saw."""
        follower = self._follower
        if follower is None:
            raise _not_running()
        return follower.sight

    @property
    def running(self) -> bool:
        """Whether a version answers."""
        return self._standing is not None

    def start(self) -> None:
        """Load what the stage names, and begin to follow it.

        Raises `NoProductionModel` (a `RuntimeError`) where it names nothing,
        and what loading raises where that version cannot be served.
        """
        if self._standing is not None:
            return
        with ExitStack() as opening:
            registry = self._registry(opening)
            first = self._load(registry, self._first(registry))
            self._open = opening.pop_all()
        self._standing = Standing(first)
        self._model = first.version.full_name
        self._follower = Follower(
            Look(registry, f"{self._model}@{self._stage}"),
            lambda: self.version,
            lambda version: self._change(registry, version),
            self._alerts,
            self._poll_seconds,
        )
        self._tell_figures()
        self._record(registry, first.version)
        self._follower.start()
        _LOG.info("%s answers", first.version.ref)

    def stop(self) -> None:
        """Follow no more, wait for requests that run, and free the model."""
        standing, self._standing = self._standing, None
        if standing is None:
            return
        if self._follower is not None:
            self._follower.stop()
        self._open.close()  # also ends a look that waits for the registry
        if self._follower is not None:
            self._follower.join(_STOP_SECONDS)
        standing.close()
        standing.drain(DRAIN_SECONDS)

    def take(self) -> Loaded:
        """Take the version that answers now, for one request; `give_back` must follow."""
        return self._stands().take()

    def give_back(self, loaded: Loaded) -> None:
        """Give back what `take` answered."""
        if loaded.owner is not None:
            loaded.owner.give_back(loaded)

    def predict(
        self, inputs: Mapping[str, object] | Sequence[object] | Array, outputs: Sequence[str] = ()
    ) -> Prediction:
        """Run the model on `inputs`: arrays or lists by name, or one where it takes one.

        Answers the `outputs` that are named, else all. Raises `Invalid` where
        the model does not take these inputs.
        """
        loaded = self.take()
        try:
            wanted = _wanted(outputs, loaded)
            feed = _feed(inputs, loaded)
            began = perf_counter()
            answered = run(loaded, feed, wanted)
            seconds = perf_counter() - began
            named = dict(zip(wanted, answered, strict=True))
            return Prediction(named, self._model, loaded.version.number, seconds)
        except Invalid:
            loaded.figures.refused.inc()
            raise
        finally:
            self.give_back(loaded)

    def reachable(self) -> bool:
        """Say whether the registry answered lately."""
        sight = self.sight
        quiet = time.time() - sight.answered_at
        return sight.trouble is None and quiet < _LONG_AGO + 3 * self._poll_seconds

    def follow_now(self, seconds: float = 60.0) -> bool:
        """Wait until the service has looked at the registry once more, and followed."""
        follower = self._follower
        if follower is None:
            raise _not_running()
        return follower.wait_turn(seconds)

    def _stands(self) -> Standing:
        standing = self._standing
        if standing is None:
            raise _not_running()
        return standing

    def _registry(self, opening: ExitStack) -> RegistryRepository:
        if self._given is None or isinstance(self._given, str):
            return opening.enter_context(connect(self._given))
        return self._given

    def _first(self, registry: RegistryRepository) -> Version:
        try:
            return registry.resolve(f"{self._model}@{self._stage}")
        except NotFound as error:
            raise no_production_model(self._model, self._stage) from error

    def _load(self, registry: RegistryRepository, version: Version) -> Loaded:
        """Fetch, load and try a version. Raises what any of these refuses."""
        path = registry.use(version.ref)
        version = recognised(version, path)
        runner = load(path, version, self._choices)
        try:
            trial.check(runner, path, version)
        except BaseException:
            runner.close()
            raise
        counters = self._figures.of(version.full_name, version.number)
        return Loaded(version, runner, counters, time.time())

    def _change(self, registry: RegistryRepository, version: Version) -> None:
        """Bring another version to answer, in place of the one that stands."""
        began = perf_counter()
        standing = self._stands()
        before = standing.current
        try:
            loaded = self._load(registry, version)
        except Unavailable:
            raise
        except Exception:
            self._figures.refused(self._model)
            raise
        if _differ(before, loaded):
            _LOG.warning("%s takes or answers other tensors than %s", version.ref,
                         before.version.ref)  # fmt: skip
        standing.replace(loaded)
        self._figures.changed(self._model, perf_counter() - began)
        _LOG.info("%s answers, in place of %s", version.ref, before.version.ref)
        self._record(registry, version)

    def _record(self, registry: RegistryRepository, version: Version) -> None:
        """Record the deployment, where a target was named; serving does not depend on it."""
        if self._target is None:
            return
        try:
            registry.deploy(version.ref, self._target, comment=f"serves {self._stage}")
        except RegistryError as error:
            _LOG.warning("the deployment of %s could not be recorded: %s", version.ref, error)

    def _tell_figures(self) -> None:
        figures, model = self._figures, self._model
        figures.reachable.labels(model).set_function(lambda: self.running and self.reachable())
        figures.version.labels(model).set_function(
            lambda: self.version.number if self.running else 0
        )
        figures.behind.labels(model).set_function(
            lambda: self.running and self.sight.wanted not in {None, self.version.number}
        )


def run(loaded: Loaded, feed: Mapping[str, Array], wanted: Sequence[str]) -> Sequence[Array]:
    """Run a loaded version, and count how long it took; refusals are counted by who answers."""
    began = perf_counter()
    try:
        answered = loaded.runner.run(feed, wanted)
    except Invalid:
        raise
    except Exception:
        loaded.figures.failed.inc()
        raise
    loaded.figures.seconds.observe(perf_counter() - began)
    loaded.figures.answered.inc()
    return answered


def _wanted(outputs: Sequence[str], loaded: Loaded) -> Sequence[str]:
    for name in outputs:
        if name not in loaded.outputs:
            msg = f"the model has no output {name!r}; it answers {', '.join(loaded.outputs)}"
            raise Invalid(msg)
    return outputs or loaded.outputs


def _feed(
    inputs: Mapping[str, object] | Sequence[object] | Array, loaded: Loaded
) -> Mapping[str, Array]:
    if not isinstance(inputs, Mapping):
        if len(loaded.inputs) != 1:
            msg = f"the model takes several inputs, by name: {', '.join(loaded.inputs)}"
            raise Invalid(msg)
        inputs = {next(iter(loaded.inputs)): inputs}
    return checked_feed(inputs, loaded.inputs)


def _differ(one: Loaded, other: Loaded) -> bool:
    first, second = one.runner, other.runner
    return [list(first.inputs), list(first.outputs)] != [list(second.inputs), list(second.outputs)]


def _not_running() -> Unavailable:
    return Unavailable("the inference service does not run; start it first")
