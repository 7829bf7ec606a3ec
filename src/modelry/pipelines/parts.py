"""Registering by KIND: the register and the saver that a job names, in place of the registry (S0.11)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelry.core.errors import Invalid
from modelry.core.names import parse_model
from modelry.pipelines.description import Job
from modelry.registry import Register, Saver, register_of, saver_of

_KEPT_BY_REGISTRIES = (
    "version", "metrics", "params", "tags", "datasets", "description", "run_id", "base",
)  # fmt: skip


def parts_of(job: Job) -> tuple[Register, Saver | None]:
    """Answer the parts that a job names. Raises `Invalid` for what they cannot hold."""
    lost = [name for name in _KEPT_BY_REGISTRIES if job.get(name) is not None]
    if lost:
        msg = f"{lost[0]} would be lost: a register by KIND takes model, path and its own tags"
        raise Invalid(msg, field=lost[0])
    saver: dict[str, Any] | None = job.get("saver")
    return register_of(job.fields["register"]), None if saver is None else saver_of(saver)


def register_by_parts(job: Job, path: Path) -> str:
    """Save and register what is at `path`, and answer the ref of the version."""
    register, saver = parts_of(job)
    uri = str(path) if saver is None else saver.save(path).model_uri
    made = register.register(job.fields["model"], uri)
    return str(parse_model(made.name).at(int(made.version)))
