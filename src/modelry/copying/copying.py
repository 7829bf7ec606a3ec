"""Copying: bring the files, register them with their facts, put the pointers, compare.

Each version is whole when it is registered, so that a copy can be killed at
any time and run again: what was brought is known by its origin and passed
over.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from modelry.copying.checking import compare_model, compare_version
from modelry.copying.fitting import Facts, facts_of, name_of, text_of
from modelry.copying.origin import TAG, came_from, origin_of, plain, ref_of
from modelry.copying.pointing import put_pointers
from modelry.copying.report import Copied
from modelry.copying.sources import Source, source_of
from modelry.core.draft import checked_tags
from modelry.core.errors import Conflict, Corrupt, Invalid, NotFound, RegistryError
from modelry.core.model import ModelSummary, Version
from modelry.core.names import label_number
from modelry.core.ports import Progress
from modelry.core.repository import RegistryRepository
from modelry.remotes.foreign import ForeignRegistry
from modelry.remotes.landing import digest_at


def copy_version(
    source: Source,
    version: Version,
    target: RegistryRepository,
    *,
    name: str | None = None,
    progress: Progress | None = None,
) -> Copied:
    """Copy one version with its metadata; stages and aliases are the target's own to give.

    `name` is the model in the target, by default the same. A copy that is
    there already is answered, and nothing is written. Raises what the target
    refuses; the answer tells what it could not hold.
    """
    report = Copied(models=1)
    work = _Work(source, target, name or name_of(version.name), report)
    made = work.copy(version, work.known(), exact=False)
    if progress is not None:
        progress("copying", 1, 1)
    compare_version(version, made, report, pointers=False, foreign=work.foreign)
    report.versions.append(made)
    return report


def copy_models(
    source: Source,
    target: RegistryRepository,
    *,
    only: Collection[str] = (),
    progress: Progress | None = None,
) -> Copied:
    """Copy models whole: every version with its number, stages, aliases, tags, descriptions.

    `only` names some; else all of them. What cannot be brought is in the
    answer, and the rest is brought. Everything is compared when it is there.
    """
    report = Copied()
    wanted = [each for each in source.every_model() if not only or each.model.name in only]
    for name in set(only) - {each.model.name for each in wanted}:
        msg = f"there is no model {name} at {source.where}"
        raise NotFound(msg, model=name)
    total, done = sum(each.versions for each in wanted), 0
    taken: dict[str, str] = {}
    for each in wanted:
        try:
            name = _free_name(each.model.full_name, taken, report)
            _copy_model(_Work(source, target, name, report), each, (done, total), progress)
        except RegistryError as error:
            report.fail(each.model.full_name, error.message)
        done += each.versions
    return report


def _free_name(full_name: str, taken: dict[str, str], report: Copied) -> str:
    """Answer what a model is called in the target. Raises `Conflict` for a name that is used."""
    name = name_of(full_name)
    if name.lower() in taken:
        msg = f"{taken[name.lower()]!r} is called {name} already; rename one of them and copy again"
        raise Conflict(msg, model=full_name)
    taken[name.lower()] = full_name
    if name != full_name:
        report.lose(full_name, f"the name; it is {name} now")
    return name


def _copy_model(
    work: _Work, summary: ModelSummary, place: tuple[int, int], progress: Progress | None
) -> None:
    work.make_model(summary)
    known, pairs = work.known(), []
    for at, version in enumerate(work.source.every_version(summary.model.full_name), 1):
        try:
            pairs.append((version, work.copy(version, known, exact=True)))
        except RegistryError as error:
            work.report.fail(ref_of(version), error.message)
        if progress is not None:
            progress("copying", place[0] + at, max(place[1], place[0] + at))
    put_pointers(work.target, work.name, summary, pairs, work.report)
    compare_model(work.target, work.name, summary, pairs, work.report, foreign=work.foreign)
    work.report.models += 1


@dataclass(frozen=True, slots=True)
class _Work:
    """One model on its way: from where to where, and how it is called there."""

    source: Source
    target: RegistryRepository
    name: str
    report: Copied

    @property
    def foreign(self) -> bool:
        """Whether the target is of another maker, with limits of its own."""
        return isinstance(self.target, ForeignRegistry)

    def known(self) -> dict[str, Version]:
        """Answer what the target holds: by origin, and by number as `:3`."""
        found: dict[str, Version] = {}
        try:
            for each in source_of(self.target, "").every_version(self.name):
                found[f":{each.number}"] = each
                if origin := came_from(each, self.source.where):
                    found[origin] = each
        except NotFound:
            return {}
        return found

    def make_model(self, summary: ModelSummary) -> None:
        """Make the model with its description and tags; one that is there keeps its own."""
        model, where = summary.model, summary.model.full_name
        said = text_of(model.description, "the description", lambda what: self.lose(where, what))
        tags: dict[str, str] = {}
        for key, value in plain(model.tags).items():
            try:
                tags.update(checked_tags({key: value}))
            except Invalid as error:
                self.lose(where, f"the tag {key!r}: {error.message}")
        made = self.target.create_model(self.name, description=said, tags=tags)
        if (made.description, plain(made.tags)) != (said, tags):
            self.lose(where, "description and tags: the model was there and keeps its own")

    def lose(self, where: str, what: str) -> None:
        """Tell what the target cannot hold."""
        self.report.lose(where, what)

    def copy(self, version: Version, known: dict[str, Version], *, exact: bool) -> Version:
        """Answer the copy of a version, making it where it is not there.

        With `exact` its number is kept; else it is where that can be.
        """
        where = ref_of(version)
        facts = facts_of(version, lambda what: self.lose(where, what))
        there = known.get(where) or self._same(version, known)
        if there is not None:
            self.report.there += 1
            return there
        with tempfile.TemporaryDirectory(prefix="modelry-copy-") as folder:
            path = self.source.bring(version, Path(folder) / "files")
            made = self._register(version, facts, path, exact=exact)
            self._compare_bytes(version, made, path)
        self.report.new += 1
        self.report.size += made.size
        return made

    def _same(self, version: Version, known: dict[str, Version]) -> Version | None:
        """Answer a version with this number and these bytes, however it came there."""
        there = known.get(f":{version.number}")
        return there if there and version.digest and there.digest == version.digest else None

    def _register(self, version: Version, facts: Facts, path: Path, *, exact: bool) -> Version:
        tags = {**facts.tags, TAG: origin_of(version, self.source.where)}
        given = {
            "metrics": facts.metrics, "params": facts.params, "tags": tags,
            "datasets": facts.datasets, "description": facts.description, "run_id": facts.run_id,
            "base": self._base(version),
        }  # fmt: skip
        try:
            return self.target.register(self.name, path, version=facts.label, **given)  # type: ignore[arg-type]  # by name
        except Conflict:
            if exact or label_number(facts.label) is None:
                raise
        made = self.target.register(self.name, path, **given)  # type: ignore[arg-type]  # by name
        self.lose(ref_of(version), f"the number; it is {made.number} there")
        return made

    def _base(self, version: Version) -> str | None:
        if version.base is None:
            return None
        try:
            return self.target.resolve(version.base).ref
        except RegistryError:
            self.lose(ref_of(version), f"what it came from, {version.base}: it is not there")
            return None

    def _compare_bytes(self, version: Version, made: Version, path: Path) -> None:
        """Raise `Corrupt` where what was registered is not what came."""
        brought = version.digest or (digest_at(path) if path.is_dir() else made.digest)
        if made.digest and made.digest != brought:
            msg = f"{ref_of(version)} is {brought} at its registry and {made.digest} here"
            raise Corrupt(msg, ref=made.ref)
