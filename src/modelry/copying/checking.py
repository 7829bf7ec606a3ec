"""Comparing a copy with what it is a copy of, item by item."""

from __future__ import annotations

from collections.abc import Sequence

from modelry.copying.fitting import facts_of
from modelry.copying.origin import plain, ref_of
from modelry.copying.report import Copied
from modelry.copying.sources import source_of
from modelry.core.errors import Unsupported
from modelry.core.model import ModelSummary, Version
from modelry.core.repository import RegistryRepository


def compare_model(  # noqa: PLR0913 - two models, what tells of them, and how
    target: RegistryRepository,
    name: str,
    summary: ModelSummary,
    pairs: Sequence[tuple[Version, Version]],
    report: Copied,
    *,
    foreign: bool,
) -> None:
    """Read a copied model anew, its bytes too, and tell everything that is otherwise."""
    found = {each.number: each for each in source_of(target, "").every_version(name)}
    for version, copy in pairs:
        there = found.get(copy.number)
        if there is None:
            report.fail(ref_of(version), "was copied and is gone")
            continue
        compare_version(version, there, report, pointers=True, foreign=foreign)
        report.versions.append(there)
    held = {each.name: each.number for each in target.model(name).pointers}
    copies = {version.number: copy.number for version, copy in pairs}
    for pointer in summary.pointers:
        number = copies.get(pointer.number)
        if pointer.kind == "stage" and held.get(pointer.name) != number:
            what = f"the stage {pointer.name} names version {held.get(pointer.name)}, not {number}"
            (report.lose if foreign else report.fail)(summary.model.full_name, what)
    try:
        report.problems.extend(target.verify(name).problems)
    except Unsupported:
        return  # a foreign registry; its bytes were compared when they were sent


def compare_version(
    version: Version, copy: Version, report: Copied, *, pointers: bool, foreign: bool
) -> None:
    """Tell what is otherwise: what a foreign target cannot hold is lost, else it is a problem."""
    where = ref_of(version)
    facts = facts_of(version, lambda _: None)
    wanted: dict[str, object] = {
        "version": facts.label, "metrics": dict(facts.metrics), "params": dict(facts.params),
        "tags": dict(facts.tags), "datasets": tuple(facts.datasets),
        "description": facts.description, "run_id": facts.run_id, "kind": version.kind,
    }  # fmt: skip
    if pointers:
        wanted |= {
            "number": version.number, "stage": version.stage,
            "aliases": tuple(sorted(each.lower() for each in version.aliases)),
        }  # fmt: skip
    if version.digest:
        wanted["digest"] = version.digest
    told = {head for head in _HEADS for each in report.lost
            if each.where == where and each.what.startswith(head)}  # fmt: skip
    for name, value in wanted.items():
        held = plain(copy.tags) if name == "tags" else getattr(copy, name)
        word = _WORDS.get(name, f"the {name}")
        if held != value and word not in told and not (name == "version" and "the number" in told):
            say = f"{word}: {_short(value)} became {_short(held)}"
            (report.lose if foreign else report.fail)(where, say)
    if version.environment not in {"", copy.environment}:
        report.lose(where, "the packages of the machine that registered it")


_WORDS = {"version": "the label", "run_id": "the run id", "aliases": "the alias"}
_HEADS = ("the label", "the stage", "the number", "the alias")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."  # noqa: PLR2004 - a line of a table
