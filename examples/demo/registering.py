"""The first half of the story: train, register, compare."""

from __future__ import annotations

from pathlib import Path

import training
from digits import MODEL, Digits
from pages import Pages
from training import Candidate

import modelry
from modelry.core.comparison import MetricRow


def train(pages: Pages, learn: Digits, test: Digits, folder: Path) -> list[Candidate]:
    """Train three models on the digits that come with scikit-learn."""
    pages.section(
        "Train three models",
        f"{len(learn):,} handwritten digits to learn from, {len(test)} to test with, "
        "8 x 8 pixels each. Two models become ONNX files, one a file of safetensors.",
    )
    candidates = training.train(learn, test, folder)
    pages.table(
        ["version", "model", "file", "size", "accuracy"],
        [
            [
                each.version,
                each.title,
                each.path.name,
                f"{each.path.stat().st_size / 1024:.1f} KiB",
                f"{each.metrics['accuracy']:.1%}",
            ]
            for each in candidates
        ],
        left=3,
    )
    return candidates


def register(  # noqa: PLR0913 - what is registered, and what it was made from
    pages: Pages,
    registry: modelry.RegistryRepository,
    candidates: list[Candidate],
    folder: Path,
    learn: Digits,
    test: Digits,
) -> None:
    """Seal each file as a version, with its metrics, parameters and data sets."""
    pages.section(
        "Register them",
        "Each file is copied in, hashed and sealed. Author, time, git commit and Python "
        "packages are recorded by the registry; the data sets are kept by their digests.",
    )
    datasets = [str(learn.save(folder / "learn.csv")), str(test.save(folder / "test.csv"))]
    for each in candidates:
        registry.register(
            MODEL,
            each.path,
            version=each.version,
            metrics=each.metrics,
            params=each.params,
            tags={"team": "post-office"},
            datasets=datasets,
            description=f"Reads one handwritten digit: {each.title}.",
        )
    _show_registered(pages, registry)
    pages.command(
        f"modelry register {MODEL} baseline.onnx --version 1.0.0",
        "    --metric accuracy=... --param C=10 --dataset learn.csv",
    )


def _show_registered(pages: Pages, registry: modelry.RegistryRepository) -> None:
    versions = sorted(registry.versions(MODEL), key=lambda version: version.number)
    pages.table(
        ["ref", "digest", "format", "content", "data sets"],
        [
            [
                version.ref,
                version.digest.removeprefix("sha256:")[:12],
                version.findings.format if version.findings else "",
                _content(version),
                f"{sum(dataset.digest is not None for dataset in version.datasets)}",
            ]
            for version in versions
        ],
        left=4,
    )


def _content(version: modelry.Version) -> str:
    """Tell what the registry read in the file: what the model takes, or how much it holds."""
    findings = version.findings
    if findings is not None and findings.signature is not None:
        first = findings.signature.inputs[0]
        shape = ", ".join(str(size or "?") for size in first.shape or ())
        return f"{first.dtype} \\[{shape}]"
    return f"{findings.parameters:,} numbers" if findings and findings.parameters else ""


def compare(pages: Pages, registry: modelry.RegistryRepository) -> None:
    """Set the three side by side."""
    pages.section("Compare", "The registry knows that accuracy should rise and latency fall.")
    found = registry.compare(f"{MODEL}:1", f"{MODEL}:2", f"{MODEL}:3")
    pages.table(
        ["metric", *[version.version for version in found.versions]],
        [[row.name, *_cells(row)] for row in found.metrics],
    )
    pages.command(f"modelry compare {MODEL}:1 {MODEL}:2 {MODEL}:3")


def _cells(row: MetricRow) -> list[str]:
    texts = [f"{value:.4f}" if value is not None else "" for value in row.values]
    return [f"[green]{text} ★[/]" if at in row.best else text for at, text in enumerate(texts)]
