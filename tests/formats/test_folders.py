"""MLflow and Hugging Face folders, and the YAML that both are written in."""

from __future__ import annotations

import json
import pickle

import pytest
from format_files import inspect_folder, safetensors, tensor

from modelry.core.errors import Invalid
from modelry.core.model import Findings, Signature, TensorSpec
from modelry.formats import yaml_text

MLMODEL = """
artifact_path: model
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    model_path: model.pkl
    python_version: 3.11.7
  sklearn:
    code: null
    pickled_model: model.pkl
    sklearn_version: 1.9.1
mlflow_version: 3.1.0
run_id: 0123456789abcdef
signature:
  inputs: '[{"type": "double", "name": "age", "required": true},
    {"type": "array", "items": {"type": "long"}, "name": "visits"},
    {"type": "map", "values": {"type": "string"}, "name": "tags"},
    {"type": "object", "properties": {"a": {"type": "long"}}, "name": "who"}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}]'
  params: null
utc_time_created: 2026-11-21 05:00:00.123456
"""
WEIGHTS = safetensors({"w": tensor([2, 3], 0, 24)}, bytes(24))
CONFIG = json.dumps({"model_type": "bert", "architectures": ["BertModel"]}).encode()
CARD = b"""---
license: apache-2.0
tags: [text, 2024]
base_model: google/bert
language:
  - en
odd: {a: 1}
---
# A model
"""


def told(files: dict[str, bytes]) -> Findings:
    """Answer what a folder is, which some format must know."""
    findings = inspect_folder(files)
    assert findings is not None
    return findings


def refused(files: dict[str, bytes]) -> str:
    """Answer the reason why a folder is refused."""
    with pytest.raises(Invalid) as refusal:
        inspect_folder(files)
    return refusal.value.message


def test_an_mlflow_folder_tells_flavours_signature_and_environment() -> None:
    findings = told(
        {
            "MLmodel": MLMODEL.encode(),
            "model.pkl": pickle.dumps([1]),
            "requirements.txt": b"# made by mlflow\nscikit-learn==1.9.1\n\nnumpy==2.4\n",
        }
    )
    assert (findings.format, findings.framework) == ("mlflow", "scikit-learn")
    assert findings.signature == Signature(
        (
            TensorSpec("age", "float64"),
            TensorSpec("visits", "array<int64>"),
            TensorSpec("tags", "map<string,string>"),
            TensorSpec("who", "object<a>"),
        ),
        (TensorSpec("", "float32", (None, 2)),),
    )
    assert findings.details == {
        "flavors": {
            "python_function": {
                "loader_module": "mlflow.sklearn",
                "model_path": "model.pkl",
                "python_version": "3.11.7",
            },
            "sklearn": {"pickled_model": "model.pkl", "sklearn_version": "1.9.1"},
        },
        "python_version": "3.11.7",
        "mlflow_version": "3.1.0",
        "run_id": "0123456789abcdef",
        "utc_time_created": "2026-11-21 05:00:00.123456",
        "environment": ["scikit-learn==1.9.1", "numpy==2.4"],
        "files": {"model.pkl": "pickle"},
    }
    assert findings.notes == ("model.pkl: it is a pickle: loading it runs code",)


def test_row_32_requirements_that_fetch_from_elsewhere_are_noted_and_nothing_is_run() -> None:
    lines = b"--index-url http://evil\ngit+https://host/x\n./local\nnumpy\n"
    findings = told({"MLmodel": b"flavors: {python_function: {}}", "requirements.txt": lines})
    assert findings.framework == "python"
    assert findings.notes == (
        (
            "its requirements name places other than the package index: "
            "--index-url http://evil, git+https://host/x, ./local"
        ),
    )


@pytest.mark.parametrize(
    ("mlmodel", "reason"),
    [
        (b"- a", "must be a mapping"),
        (b"flavors: {a: {}}\nsignature: 5", "mapping with inputs and outputs"),
        (b"flavors: {a: {}}\nsignature: {inputs: '{}'}", "must be a JSON list"),
        (b"flavors: {a: {}}\nsignature: {inputs: '[1]'}", "neither a column nor a tensor"),
        (b"flavors: {a: {}}\nsignature: {inputs: '[NaN]'}", "not acceptable JSON"),
        (b" " * (1024 * 1024 + 1), "at most 1,048,576 are read"),
    ],
)
def test_a_broken_mlmodel_is_refused_with_the_reason(mlmodel: bytes, reason: str) -> None:
    assert reason in refused({"MLmodel": mlmodel})


def test_odd_signatures_and_flavours_are_read_as_far_as_they_go() -> None:
    text = b"flavors: {x: 1, y: {deep: [1], n: 5}}\nsignature: {inputs: "
    text += b'\'[{"type": "array", "items": "long"}, {"tensor-spec": {}}]\'}'
    findings = told({"MLmodel": text})
    assert findings.framework == "x"
    assert findings.details["flavors"] == {"x": {}, "y": {"n": 5}}
    assert findings.signature == Signature((TensorSpec("", "array<long>"), TensorSpec("", "None")))
    assert told({"MLmodel": b"flavors: {}\nsignature: {}"}).signature is None
    assert inspect_folder({"MLmodel": b"a: 1"}) is None


def test_a_hugging_face_folder_tells_configuration_and_card() -> None:
    findings = told({"config.json": CONFIG, "README.md": CARD, "model.safetensors": WEIGHTS})
    assert (findings.format, findings.framework) == ("huggingface", "transformers")
    assert findings.parameters == 6
    assert findings.details == {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "license": "apache-2.0",
        "tags": ["text", "2024"],
        "base_model": "google/bert",
        "language": ["en"],
        "files": {"model.safetensors": "safetensors"},
    }


def test_shards_are_summed_as_the_index_names_them() -> None:
    index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    files = {"config.json": CONFIG, "model.safetensors.index.json": json.dumps(index).encode()}
    files |= dict.fromkeys(("one.safetensors", "two.safetensors", "copy.safetensors"), WEIGHTS)
    assert told(files).parameters == 12
    del files["two.safetensors"]
    assert told(files).notes == (
        "model.safetensors.index.json names files that are not here: two.safetensors",
    )
    files["model.safetensors.index.json"] = b"{}"
    assert "weight_map" in refused(files)


def test_without_an_index_every_shard_counts() -> None:
    files = {"config.json": CONFIG, "one.safetensors": WEIGHTS, "two.safetensors": WEIGHTS}
    assert told(files).parameters == 12


def test_row_31_code_and_templates_are_noted_and_a_hidden_pickle_shows() -> None:
    config = {"model_type": "x", "auto_map": {"AutoModel": "modeling_x.XModel"}}
    findings = told(
        {
            "config.json": json.dumps(config).encode(),
            "tokenizer_config.json": b'{"chat_template": "{{ 1 }}"}',
            "vocab.txt": b"\x80\x04\x8c\x02os\x8c\x06system\x93)R.",
        }
    )
    assert findings.notes == (
        "config.json maps classes to code that loading may run (auto_map): modeling_x.XModel",
        "it carries a chat template, which is a program; it was not rendered",
        "vocab.txt: it is a pickle: loading it runs code; it would import os.system",
    )


def test_the_framework_follows_the_layout() -> None:
    adapter = {"adapter_config.json": b'{"peft_type": "LORA"}'}
    pipeline = {"model_index.json": b'{"_class_name": "FluxPipeline"}'}
    assert told(adapter).framework == "peft"
    assert told(pipeline).framework == "diffusers"
    assert told(pipeline).details == {"class_name": "FluxPipeline"}
    assert told({"config.json": CONFIG, "modules.json": b"[]"}).framework == "sentence-transformers"
    assert told({"README.md": b"---\nlibrary_name: timm\n---\n"}).framework == "timm"
    assert told({"README.md": b"---\nlicense: mit\n---\n"}).framework is None


def test_other_folders_with_such_names_are_left_alone() -> None:
    assert inspect_folder({"config.json": b"{// a comment\n}", "README.md": b"# hello"}) is None
    assert inspect_folder({"config.json": b'{"a": "\\"model_type\\""}'}) is None
    assert inspect_folder({"config.json": b'{"a": {"model_type": 1}}'}) is None
    assert inspect_folder({"README.md": b"---\n- a\n---\n"}) is None
    assert inspect_folder({"README.md": b"---\nodd: 1\n---\n"}) is None


def test_numbers_that_python_invents_and_that_are_too_long_do_not_stop_a_configuration() -> None:
    config = b'{"model_type": "mamba2", "limit": [0.0, Infinity, -Infinity, NaN], '
    config += b'"text": "NaN, Infinity", "long": 1000000000000000019884624838656, "e": 1e3}'
    assert told({"config.json": config}).details["model_type"] == "mamba2"


def test_a_broken_configuration_is_refused_by_name() -> None:
    assert "config.json" in refused({"config.json": b'{"model_type": "a", "model_type": "b"}'})
    assert "README.md" in refused({"README.md": b"---\nlicense: *x\n---\n"})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"a: &x [1]\nb: *x", "anchor or alias"),
        (b"a: &x 1", "anchor or alias"),
        (b"a: 1\na: 2", "twice"),
        (b"[" * 40 + b"]" * 40, "nested deeper"),
        (b"- 1\n" * 100_001, "more than 100,000 parts"),
        (b"? [1]\n: 2", "not plain text"),
        (b"a: !!python/object/apply:os.system [id]", "only plain values"),
        (b"a: !!python/name:os.system ''", "only plain values"),
        (b"a: !odd b", "only plain values"),
        (b"a: [", "not acceptable YAML"),
        (b"a: \xff\xff", "not acceptable YAML"),
        (b"--- 1\n--- 2\n", "not acceptable YAML"),
        (b"x" * (1024 * 1024 + 1), "at most"),
    ],
)
def test_yaml_that_is_a_bomb_or_a_program_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(Invalid) as refusal:
        yaml_text.load(text, "the text")
    assert reason in refusal.value.message


def test_yaml_values_become_json_values() -> None:
    text = b"{a: yes, b: 1_000, c: 1.5, d: .inf, e: ~, f: 2024-01-01, g: 0x10, h: '1', i: 1:30}"
    assert yaml_text.load(text, "the text") == {
        "a": True,
        "b": 1000,
        "c": 1.5,
        "d": ".inf",
        "e": None,
        "f": "2024-01-01",
        "g": "0x10",
        "h": "1",
        "i": "1:30",
    }
    assert yaml_text.load(b"", "the text") is None
    assert yaml_text.load(b"1" * 30, "the text") == "1" * 30
    assert yaml_text.load(b"1:30.5", "the text") == "1:30.5"
    assert len(str(yaml_text.load(b"a" * 300_000, "the text"))) == 200
