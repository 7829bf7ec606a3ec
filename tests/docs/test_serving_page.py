"""The page on serving runs as it is printed."""

from __future__ import annotations

import doctest
import io
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from written import blocks, page

from modelry.core.model import Findings
from modelry.serving.asking import parse_example
from modelry.serving.runners import Choices, Loader, Spec
from modelry.serving.trial import check
from modelry.settings import InferSettings
from modelry.testing.examples import some_model, some_version

PAGE = "docs/serving.md"


def test_the_commands_of_the_page_on_serving_answer_by_what_is_in_production(folder: Path) -> None:
    (code,) = blocks(page(PAGE), "bash")
    command = ["bash", "-meuo", "pipefail", "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    assert '{"ready":true,"registry":"reachable"}' in said
    assert '"model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[1,2],' in said
    assert '{"name":"credit-risk","ready":true}' in said


@pytest.mark.usefixtures("folder")
def test_the_session_of_the_page_on_serving_runs() -> None:
    session = "\n".join(blocks(page(PAGE), "pycon"))
    examples = doctest.DocTestParser().get_doctest(session, {}, PAGE, PAGE, 0)
    said = io.StringIO()
    flags = doctest.ELLIPSIS
    failed, tried = doctest.DocTestRunner(optionflags=flags).run(examples, out=said.write)
    assert (failed, tried > 8) == (0, True), said.getvalue()


def test_the_example_of_an_example_is_one() -> None:
    (text,) = blocks(page(PAGE), "json")
    feed, answers = parse_example(text.encode(), [Spec("x", "FP32", (-1, 2))])
    assert feed["x"].tolist() == answers["y"].tolist() == [[41, 2000]]
    assert set(json.loads(text)) == {"inputs", "outputs"}


def test_the_manifest_of_the_page_on_serving_asks_doors_that_exist() -> None:
    (text,) = blocks(page(PAGE), "yaml")
    (container,) = yaml.safe_load(text)["spec"]["template"]["spec"]["containers"]
    assert container["args"][0] == "infer"
    named = {each["name"].lower().removeprefix("modelry_infer_") for each in container["env"]}
    assert named & set(InferSettings.model_fields) == {"host"}
    for probe in ("readinessProbe", "livenessProbe"):
        assert f"{container[probe]['httpGet']['path']}`" in page(PAGE)


def test_the_loader_on_the_page_of_extensions_loads_and_answers(tmp_path: Path) -> None:
    (code,) = blocks(page("docs/extending.md"), "py")
    room: dict[str, Any] = {}
    exec(compile(code, "extending.md", "exec"), room)  # noqa: S102 - our own page
    loader: Loader = room["AbacusLoader"]()
    findings = Findings(format="abacus")
    version = some_version(some_model(), 1, findings=findings)
    assert loader.claims(version)
    assert not loader.claims(replace(version, findings=None))
    (tmp_path / "m.abacus").write_bytes(b"ABACUS1\n42\n")
    runner = loader.load(tmp_path / "m.abacus", version, Choices())
    check(runner, tmp_path, version)
    assert runner.run({"x": np.array([1])}, ["y"])[0].tolist() == [43]


@pytest.mark.parametrize("field", InferSettings.model_fields)
def test_every_setting_of_an_inference_service_is_on_the_page_of_settings(field: str) -> None:
    assert f"`MODELRY_INFER_{field.upper()}`" in page("docs/settings.md")
