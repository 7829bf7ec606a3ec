"""Stages and aliases of a copied model, put where the source has them."""

from __future__ import annotations

from collections.abc import Sequence

from modelry.copying.fitting import alias_of
from modelry.copying.origin import ref_of
from modelry.copying.report import Copied
from modelry.core.errors import RegistryError
from modelry.core.lifecycle import KEEP
from modelry.core.model import ModelSummary, Version
from modelry.core.repository import RegistryRepository

Pairs = Sequence[tuple[Version, Version]]
"""Versions and their copies, oldest first."""


def put_pointers(
    target: RegistryRepository, name: str, summary: ModelSummary, pairs: Pairs, report: Copied
) -> None:
    """Put every version into its stage, what a stage names last; then the aliases."""
    held = {each.name: each.number for each in target.model(name).pointers}
    moves = [pair for pair in pairs if pair[0].stage != pair[1].stage]
    named = {each.number for each in summary.pointers if each.kind == "stage"}
    last = [pair for pair in pairs if pair[0].number in named
            and (pair[0].stage in {version.stage for version, _ in moves}
                 or held.get(pair[0].stage) != pair[1].number)]  # fmt: skip
    for version, copy in [*(pair for pair in moves if pair not in last), *last]:
        _move(target, version, copy, report)
    for version, copy in pairs:
        for alias in version.aliases:
            _alias(target, name, alias, (version, copy), report, held)


def _move(target: RegistryRepository, version: Version, copy: Version, report: Copied) -> None:
    try:
        target.promote(copy.ref, version.stage, displace=KEEP)
    except RegistryError as error:
        report.lose(ref_of(version), f"the stage {version.stage}: {error.message}")


def _alias(  # noqa: PLR0913 - a pointer has this many sides
    target: RegistryRepository,
    name: str,
    alias: str,
    pair: tuple[Version, Version],
    report: Copied,
    held: dict[str, int],
) -> None:
    version, copy = pair
    key = alias_of(alias, lambda what: report.lose(ref_of(version), what))
    if key is None or held.get(key) == copy.number:
        return
    try:
        target.alias(name, key, str(copy.number))
    except RegistryError as error:
        report.lose(ref_of(version), f"the alias {alias!r}: {error.message}")
