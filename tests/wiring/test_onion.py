"""The core declares what it needs, and knows nobody who gives it (S1.11)."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import importlib, pkgutil, sys
import modelry.core
for room in pkgutil.walk_packages(modelry.core.__path__, "modelry.core."):
    importlib.import_module(room.name)
brought = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
ours = {name for name in sys.modules if name.startswith("modelry.")}
print(sorted(each for each in brought if not each.startswith(("_", "modelry"))))
print(sorted(each for each in ours if not each.startswith("modelry.core")))
"""


def test_s1_11_the_core_brings_in_nothing_but_itself_and_the_standard_library() -> None:
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{PROGRAM}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "[]"]
