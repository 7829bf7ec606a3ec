"""Production: promote, predict, promote a better one, measure why not, roll back."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import inference
import training
from digits import MODEL, Digits
from pages import Pages
from training import Candidate

import modelry

INKS = [1.0, 0.7, 0.5, 0.3]
TOLERABLE = 0.02
"""How much worse on any ink a new model may be than the one it replaced."""


def go_live(
    pages: Pages, registry: modelry.RegistryRepository, candidate: Candidate, test: Digits
) -> None:
    """Put the first version into production and predict from what `use` answers."""
    pages.section(
        "Promote, and predict in production",
        "Whoever serves the model asks for the stage, not for a file name.",
    )
    registry.promote(f"{MODEL}:1.0.0", "production", comment="simple, fast, good enough to start")
    path = registry.use(f"{MODEL}@production")
    pages.command(f"modelry promote {MODEL}:1.0.0 production --comment ...")
    pages.command(f"modelry use {MODEL}@production")
    _check_same(pages, path, candidate, test)


def _check_same(pages: Pages, path: Path, candidate: Candidate, test: Digits) -> None:
    """Compare what the file from the registry predicts with what scikit-learn predicted."""
    answers = inference.load(path)(test.pictures)
    same = int((answers == candidate.answers).sum())
    text = f"{same} of {len(test)} predictions from {path.name} equal scikit-learn's"
    if same < len(test):
        pages.bad(text)
        sys.exit(1)
    pages.good(text)


def replace(pages: Pages, registry: modelry.RegistryRepository, candidate: Candidate) -> datetime:
    """Promote the better version; answer a time at which it is live."""
    before = registry.resolve(f"{MODEL}@production")
    gain = candidate.metrics["accuracy"] - before.metrics["accuracy"]
    pages.section(
        "Promote the better one",
        f"{candidate.version} reads {gain:.1%} more of the test digits correctly. "
        "Production holds one version, so the old one moves to the archive.",
    )
    registry.promote(
        f"{MODEL}:{candidate.version}",
        "production",
        comment=f"accuracy {before.metrics['accuracy']:.3f} -> {candidate.metrics['accuracy']:.3f}",
    )
    pages.command(f"modelry promote {MODEL}:2.0.0 production --comment ...")
    _show_stages(pages, registry)
    return datetime.now(UTC)


def _show_stages(pages: Pages, registry: modelry.RegistryRepository) -> None:
    colours = {"production": "green", "staging": "yellow", "archived": "dim"}
    versions = sorted(registry.versions(MODEL), key=lambda version: version.number)
    shown = [
        f"{each.version} [{colours.get(each.stage, 'default')}]{each.stage}[/]" for each in versions
    ]
    pages.say("now: " + "   ".join(shown))


def doubt(
    pages: Pages, registry: modelry.RegistryRepository, test: Digits
) -> dict[str, list[float]]:
    """Measure both versions on a slice that the test set does not have: weak ink."""
    pages.section(
        "A complaint from one post office",
        "Its pens are running dry. Both versions are fetched again, and tried on the same "
        "test digits written with less and less ink.",
    )
    found: dict[str, list[float]] = {}
    for ref in (f"{MODEL}:1.0.0", f"{MODEL}@production"):
        predict = inference.load(registry.use(ref))
        version = registry.resolve(ref).version
        found[version] = training.accuracy_by_ink(predict, test, INKS)
    best = [max(column) for column in zip(*found.values(), strict=True)]
    pages.table(
        ["accuracy with ink at", *[f"{ink:.0%}" for ink in INKS]],
        [
            [version, *[_shade(value, top) for value, top in zip(values, best, strict=True)]]
            for version, values in found.items()
        ],
    )
    return found


def _shade(value: float, best: float) -> str:
    colour = "red" if best - value > TOLERABLE else "green" if value == best else "default"
    return f"[{colour}]{value:.1%}[/]"


def roll_back(
    pages: Pages, registry: modelry.RegistryRepository, accuracies: dict[str, list[float]]
) -> None:
    """Go back where the new version is worse than the old one by more than is tolerable."""
    (old, before), (new, after) = accuracies.items()
    losses = [was - now for was, now in zip(before, after, strict=True)]
    worst = max(range(len(INKS)), key=losses.__getitem__)
    if losses[worst] <= TOLERABLE:
        pages.bad(f"{new} holds up everywhere: there is nothing to roll back")
        sys.exit(1)
    pages.section(
        "Roll back",
        f"With {INKS[worst]:.0%} of the ink {new} reads {after[worst]:.1%} of the digits, {old} "
        f"{before[worst]:.1%}: the old model normalises its pictures, the new one does not.",
    )
    reason = f"weak ink ({INKS[worst]:.0%}): {after[worst]:.1%} against {before[worst]:.1%}"
    version = registry.rollback(MODEL, comment=reason)
    pages.command(f"modelry rollback {MODEL} --comment ...")
    pages.good(f"production is {version.version} again")
    _show_stages(pages, registry)


def stage_the_fix(
    pages: Pages, registry: modelry.RegistryRepository, candidate: Candidate, test: Digits
) -> None:
    """Try the third model on weak ink too, and stage it where it holds up."""
    pages.section(
        "A candidate for next week",
        f"{candidate.version} learnt from weak ink as well. Its weights come back from the "
        "registry as safetensors and run in plain numpy.",
    )
    path = registry.use(f"{MODEL}:{candidate.version}")
    _check_same(pages, path, candidate, test)
    found = training.accuracy_by_ink(inference.load(path), test, INKS)
    texts = ", ".join(f"{value:.1%} at {ink:.0%}" for ink, value in zip(INKS, found, strict=True))
    pages.say(f"with ink: {texts}")
    if max(found) - min(found) <= TOLERABLE:
        comment = f"holds up on weak ink: {min(found):.1%} or better"
        registry.promote(f"{MODEL}:{candidate.version}", "staging", comment=comment)
        pages.command(f"modelry promote {MODEL}:{candidate.version} staging --comment ...")
    _show_stages(pages, registry)
