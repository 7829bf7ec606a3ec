"""Finding versions at MLflow by our refs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mlflow.entities.model_registry import ModelVersion

from modelry.core.errors import NotFound
from modelry.core.model import ModelSummary, Version
from modelry.core.names import Ref, label_key, label_number
from modelry.remotes.mlflow.reading import summary_of, version_of
from modelry.remotes.mlflow.store import Tracking
from modelry.remotes.standing import Known

_AT_ONCE = 100


class Finding:
    """Answers versions of one MLflow registry."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking

    def version(self, found: ModelVersion) -> Version:
        """Answer one version with its run."""
        return self.many([found])[0]

    def made(self, found: ModelVersion) -> Version:
        """Answer a version that was made just now, so that no alias names it."""
        run = self._tracking.run(found.run_id) if found.run_id else None
        return version_of(found, run, {})

    def many(self, found: Sequence[ModelVersion]) -> tuple[Version, ...]:
        """Answer versions with their runs, which are asked for together."""
        runs = self._tracking.runs([each.run_id for each in found if each.run_id])
        aliases: dict[str, Mapping[str, str | int]] = {}
        for name in {each.name for each in found}:
            aliases[name] = self._tracking.registered(name).aliases
        return tuple(version_of(each, runs.get(each.run_id or ""), aliases[each.name])
                     for each in found)  # fmt: skip

    def summary(self, name: str) -> ModelSummary:
        """Answer a model with its pointers. Raises `NotFound`."""
        found = self._tracking.registered(name)
        return summary_of(found, list(self._tracking.every_version(name)))

    def resolve(self, ref: Ref) -> Version:
        """Answer the version that a ref names. Raises `NotFound`."""
        if ref.selector == "number":
            return self._numbered(ref)
        summary = self.summary(ref.name)
        known = Known(summary, self._each(ref.name))
        pointed = known.number(ref)
        return self._numbered(ref.at(pointed)) if pointed else known.choose(ref)

    def labelled(self, ref: Ref, label: str) -> Version | None:
        """Answer the version that has a label already, None where it is free."""
        number = label_number(label)
        wanted = Ref(ref.project, ref.name, "label", label_key(label))
        try:
            return self.resolve(wanted) if number is None else self.version(self._get(ref, number))
        except NotFound:
            return None

    def number(self, ref: Ref) -> int:
        """Answer the number of the version that a ref names, without a look at its run.

        Raises `NotFound`.
        """
        if ref.selector == "number":
            return int(self._there(ref).version)
        return self.resolve(ref).number

    def _numbered(self, ref: Ref) -> Version:
        return self.version(self._there(ref))

    def _there(self, ref: Ref) -> ModelVersion:
        try:
            return self._get(ref, ref.number)
        except NotFound as error:
            raise Known(self.summary(ref.name), ()).absent(ref) from error

    def _get(self, ref: Ref, number: int) -> ModelVersion:
        return self._tracking.ask(lambda client: client.get_model_version(ref.name, str(number)))

    def _each(self, name: str) -> Iterator[Version]:
        some: list[ModelVersion] = []
        for each in self._tracking.every_version(name):
            some.append(each)
            if len(some) == _AT_ONCE:
                yield from self.many(some)
                some = []
        yield from self.many(some)
