"""Proofs prove something: each fails on a copy of the code that breaks what it is about."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from breakages import BREAKAGES, Breakage, Subset

import modelry

pytestmark = pytest.mark.proof
SOURCE = Path(modelry.__file__).parent
TESTS = Path(__file__).parents[1]
SECONDS = 300
ATTEMPTS = 12
"""How often a proof that depends on chance (a kill, a race) may look before it must have noticed."""
_SUBSETS = list({id(each.noticed_by): each.noticed_by for each in BREAKAGES}.values())


def run(
    source: Path, folder: Path, subset: Subset, seed: int = 1
) -> subprocess.CompletedProcess[str]:
    """Run a subset of the tests on the package in `source`."""
    given = {**subset.counts, "SEED": seed}
    counts = {f"MODELRY_PROOF_{name}": str(value) for name, value in given.items()}
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("PYTEST_", "MODELRY_", "COV"))}  # fmt: skip
    where = (f"import modelry; assert modelry.__file__ == {str(source / 'modelry/__init__.py')!r}, "
             "modelry.__file__")  # fmt: skip
    environment = {**kept, **counts, "PYTHONPATH": str(source)}
    subprocess.run([sys.executable, "-c", where], env=environment, check=True)
    paths = [str(TESTS / word) if word.endswith(".py") else word for word in subset.words]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--tb=line", "-p", "no:cacheprovider", "-p", "no:schemathesis",
               "--basetemp", str(folder / "work"), "--rootdir", str(TESTS.parent), *paths]  # fmt: skip
    return subprocess.run(command, env=environment, capture_output=True, text=True,
                          timeout=SECONDS, check=False)  # fmt: skip


def broken(folder: Path, breakage: Breakage) -> Path:
    """Answer a copy of the package with the edits of a breakage.

    What is compiled is copied too, but for what is edited: a proof may start hundreds of processes.
    """
    source = folder / "source"
    edited = [f"{Path(name).stem}.*.pyc" for name, _, _ in breakage.edits]
    shutil.copytree(SOURCE, source / "modelry", ignore=shutil.ignore_patterns(*edited))
    for name, old, new in breakage.edits:
        path = source / "modelry" / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name} holds {text.count(old)} times: {old}"
        path.write_text(text.replace(old, new), encoding="utf-8")
    return source


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda each: each.name)
def test_a_proof_fails_on_broken_code(tmp_path: Path, breakage: Breakage) -> None:
    source = broken(tmp_path, breakage)
    for seed in range(1, ATTEMPTS + 1):
        done = run(source, tmp_path, breakage.noticed_by, seed)
        if done.returncode:
            break
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    assert "failed" in done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.parametrize("subset", _SUBSETS, ids=lambda each: each.words[0] + each.words[-1])
def test_the_same_proof_passes_on_the_code_as_it_is(tmp_path: Path, subset: Subset) -> None:
    source = broken(tmp_path, Breakage("nothing", (), subset))
    done = run(source, tmp_path, subset)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
