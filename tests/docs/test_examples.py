"""The code in the documentation runs, exactly as it is printed."""

from __future__ import annotations

import doctest
import io
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from written import CHECKOUT, blocks, page

from modelry.core.ports import FileFormat
from modelry.testing.blobs import Given


def test_the_readme_has_ten_lines_of_python_that_run(folder: Path) -> None:
    (code,) = blocks(page("README.md"), "python")
    assert len([line for line in code.splitlines() if line]) == 10
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "stage.rolled_back worse for new customers" in done.stdout.splitlines()[0]
    assert len(done.stdout.splitlines()) == 5
    assert (folder / "model.onnx").exists()


def test_the_readme_has_ten_lines_of_shell_that_run(folder: Path) -> None:
    (code,) = blocks(page("README.md"), "bash")
    assert len(code.splitlines()) == 10
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "serving" / "better.onnx").read_bytes() == (
        folder / "better.onnx"
    ).read_bytes()
    assert "worse for new customers" in done.stdout


@pytest.mark.usefixtures("folder")
def test_the_page_of_the_python_api_is_a_session_that_runs() -> None:
    session = "\n".join(blocks(page("docs/python.md"), "pycon"))
    flags = doctest.ELLIPSIS
    examples = doctest.DocTestParser().get_doctest(session, {}, "python.md", "docs/python.md", 0)
    said = io.StringIO()
    failed, tried = doctest.DocTestRunner(optionflags=flags).run(examples, out=said.write)
    assert (failed, tried > 50) == (0, True), said.getvalue()


@pytest.mark.usefixtures("folder")
def test_the_page_of_the_json_file_is_a_session_that_runs() -> None:
    session = "\n".join(blocks(page("docs/json.md"), "pycon"))
    examples = doctest.DocTestParser().get_doctest(session, {}, "json.md", "docs/json.md", 0)
    said = io.StringIO()
    failed, tried = doctest.DocTestRunner().run(examples, out=said.write)
    assert (failed, tried > 8) == (0, True), said.getvalue()


def test_the_format_and_the_suite_on_the_page_of_extensions_run(tmp_path: Path) -> None:
    text = page("docs/extending.md")
    plugin, suite = blocks(text, "python")
    (entry,) = blocks(text, "toml")
    named = tomllib.loads(entry)["project"]["entry-points"]["modelry.formats"]["abacus"]
    room: dict[str, object] = {"__name__": "abacus"}
    exec(compile(plugin, "extending.md", "exec"), room)  # noqa: S102 - our own page
    abacus: FileFormat = room[named.partition(":")[2]]()  # type: ignore[operator]  # a class
    file = Given("m.abacus", b"ABACUS1\n42\n")
    assert abacus.sniff(file.data, file.size)
    findings = abacus.read(file)
    assert findings is not None
    assert findings.parameters == 42
    (tmp_path / "test_mine.py").write_text(suite, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_the_demo_that_the_readme_names_is_what_make_demo_runs() -> None:
    assert "examples/demo/run.py" in page("Makefile")
    assert (CHECKOUT / "examples" / "demo" / "run.py").is_file()
