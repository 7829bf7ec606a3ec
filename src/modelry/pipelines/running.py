"""Running a pipeline: one job after another; the first that fails ends it, and changes nothing more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from modelry.core.draft import checked_metrics
from modelry.core.errors import Conflict, Invalid, NotFound, RegistryError, Unsupported
from modelry.core.model import Version
from modelry.core.names import parse_model
from modelry.core.repository import RegistryRepository
from modelry.pipelines.conditions import Verdict, judge, ref_of, rival
from modelry.pipelines.description import Job, Pipeline
from modelry.pipelines.parts import parts_of, register_by_parts
from modelry.pipelines.work import values_of, work

Outcome = Literal[
    "registered", "promoted", "not promoted", "deployed", "failed", "would run", "not run"
]


@dataclass(frozen=True)
class Done:
    """What became of a job, and the version that it was about."""

    job: Job
    outcome: Outcome
    words: str
    version: str | None = None
    verdicts: tuple[Verdict, ...] = ()


@dataclass
class Report:
    """What became of a pipeline; `error` is why it ended early."""

    done: list[Done] = field(default_factory=list)
    error: RegistryError | None = None


def run_pipeline(pipeline: Pipeline, registry: RegistryRepository, *, dry: bool = False) -> Report:
    """Do every job in order, up to the first that fails.

    Everything that can be checked is checked before the first one begins;
    a `dry` run ends there. Raises `Invalid` or `NotFound` from these checks.
    """
    for at, job in enumerate(pipeline.jobs):
        with _told(job):
            _check(pipeline, at, registry)
    report = Report()
    if dry:
        report.done = [Done(job, "would run", _plan(job)) for job in pipeline.jobs]
        return report
    made: dict[str, str] = {}
    for at, job in enumerate(pipeline.jobs):
        try:
            with _told(job):
                done = _DO[job.kind](job, pipeline.folder, registry, made)
        except RegistryError as error:
            report.error = error
            report.done.append(Done(job, "failed", error.message))
            report.done += [Done(each, "not run", "") for each in pipeline.jobs[at + 1 :]]
            return report
        report.done.append(done)
    return report


def _check(pipeline: Pipeline, at: int, registry: RegistryRepository) -> None:
    """Refuse what would fail later, as far as it can be seen."""
    job = pipeline.jobs[at]
    model = parse_model(job.fields["model"])
    stages = registry.stages(model.project)
    for stage in (job.get("stage"), job.get("rollback")):
        if stage is not None:
            stages.stage(stage)
    if job.get("register") is not None:
        parts_of(job)
    elif job.get("saver") is not None:
        msg = "a saver goes with a register; say which, by its KIND"
        raise Invalid(msg, field="saver")
    if job.kind == "register":
        if job.get("run") is None and not (pipeline.folder / job.fields["path"]).exists():
            msg = f"there is no file or folder at {job.fields['path']!r}"
            raise NotFound(msg)
        return
    before = {str(parse_model(each.fields["model"])) for each in pipeline.jobs[:at]
              if each.kind == "register"}  # fmt: skip
    if job.get("version") is None and str(model) not in before:
        msg = f"say which version of {model} it is about; no job before registers one"
        raise Invalid(msg, field="version")


def _plan(job: Job) -> str:
    runs = f"run {_runs(job)}, then " if job.get("run") else ""
    model = job.fields["model"]
    if job.kind == "register":
        return f"{runs}register {job.fields['path']} as {model}"
    version = ref_of(model, job.get("version")) if job.get("version") else f"the new {model}"
    if job.kind == "deploy":
        return f"{runs}record that {version} is at {job.fields['target']}"
    when = f" if {len(job.fields['when'])} conditions hold" if job.get("when") else ""
    return f"{runs}promote {version} to {job.fields['stage']}{when}"


def _runs(job: Job) -> str:
    run = job.fields["run"]
    command = run.get("command")
    return str(run.get("call") or (command if isinstance(command, str) else command[0]))


def _register(job: Job, folder: Path, registry: RegistryRepository, made: dict[str, str]) -> Done:
    said = _work(job, folder)
    fields = job.fields
    path = folder / str(said.get("path", fields["path"]))
    model = str(parse_model(fields["model"]))
    if job.get("register") is not None:
        made[model] = register_by_parts(job, path)
        return Done(job, "registered", f"registered {made[model]}", made[model])
    version = registry.register(
        fields["model"],
        path,
        version=fields.get("version"),
        metrics={**values_of(fields.get("metrics"), folder, "metrics"), **said.get("metrics", {})},
        params={**values_of(fields.get("params"), folder, "parameters"), **said.get("params", {})},
        tags=fields.get("tags"),
        datasets=[_dataset(each, folder) for each in fields.get("datasets", ())],
        description=fields.get("description"),
        run_id=fields.get("run_id"),
        base=fields.get("base"),
    )
    made[model] = version.ref
    return Done(job, "registered", f"registered {version.ref} ({version.version})", version.ref)


def _dataset(given: str, folder: Path) -> str:
    """Answer a data set: a path begins at the folder, anything else is a name."""
    return str(folder / given) if (folder / given).exists() else given


def _promote(job: Job, folder: Path, registry: RegistryRepository, made: dict[str, str]) -> Done:
    version = _version(job, registry, made)
    said = _work(job, folder)
    stage = job.fields["stage"]
    measured = values_of(job.get("metrics"), folder, "metrics")
    metrics = checked_metrics({**version.metrics, **measured, **said.get("metrics", {})})
    there = rival(registry, version, stage)
    verdicts = judge(registry, version, metrics, job.get("when") or ())
    lacking = [each.words for each in verdicts if not each.holds]
    if lacking:
        words = f"{version.ref} is not promoted to {stage}: {'; '.join(lacking)}"
        if job.get("otherwise") != "go on":
            raise Conflict(words, ref=version.ref)
        return Done(job, "not promoted", words, version.ref, tuple(verdicts))
    _move(job, registry, version, there, "; ".join(each.words for each in verdicts))
    words = f"promoted {version.ref} ({version.version}) to {stage}"
    return Done(job, "promoted", words, version.ref, tuple(verdicts))


def _move(
    job: Job, registry: RegistryRepository, version: Version, there: Version | None, why: str
) -> None:
    """Promote, if the stage still names what the version was compared with.

    A registry that keeps no comments or cannot look before it moves (MLflow)
    promotes without, unless the job itself has a comment.
    """
    stage, displace = job.fields["stage"], job.get("displace")
    expect = "none" if there is None else str(there.number)
    comment = job.get("comment") or why
    try:
        registry.promote(version.ref, stage, comment=comment, displace=displace, expect=expect)
    except Unsupported:
        if job.get("comment"):
            raise
        registry.promote(version.ref, stage, displace=displace)


def _deploy(job: Job, folder: Path, registry: RegistryRepository, made: dict[str, str]) -> Done:
    version = _version(job, registry, made)
    try:
        _work(job, folder)
    except RegistryError as error:
        stage = job.get("rollback")
        if stage is None:
            raise
        back = registry.rollback(version.full_name, stage, comment=f"deploying failed: {error}")
        msg = f"{error.message}; {stage} of {version.full_name} is back at {back.ref}"
        raise type(error)(msg, **error.facts) from error
    target, comment = job.fields["target"], job.get("comment") or ""
    done = registry.deploy(version.ref, target, comment=comment)
    return Done(job, "deployed", f"deployed {done.ref} ({done.version}) to {done.target}", done.ref)


_DO = {"register": _register, "promote": _promote, "deploy": _deploy}


def _work(job: Job, folder: Path) -> Mapping[str, Any]:
    run = job.get("run")
    return {} if run is None else work(run, folder)


def _version(job: Job, registry: RegistryRepository, made: Mapping[str, str]) -> Version:
    """Answer the version that a job is about: the one it names, else the one made before."""
    model = job.fields["model"]
    named = job.get("version")
    ref = ref_of(model, named) if named is not None else made[str(parse_model(model))]
    return registry.resolve(ref)


@contextmanager
def _told(job: Job) -> Iterator[None]:
    """Say where in the files a refusal comes from."""
    try:
        yield
    except RegistryError as error:
        msg = f"{job.place}: {error.message}"
        raise type(error)(msg, **error.facts) from error
