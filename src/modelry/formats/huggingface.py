"""Hugging Face folders: `config.json`, the weights' index and the model card.

Recognised by what the files say. Code that a configuration maps classes to
(`auto_map`) and chat templates are noted, never run (CVE-2024-34359).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelry.core.errors import Invalid
from modelry.core.model import Findings
from modelry.formats import foreign_json
from modelry.formats.folder_files import start_of, text_of
from modelry.formats.mlflow import MARK as MLFLOW
from modelry.formats.model_card import card, short
from modelry.formats.quoting import plain, several

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelry.core.ports import SourceFile
    from modelry.core.strict_json import Json

_CONFIG, _PIPELINE, _ADAPTER = "config.json", "model_index.json", "adapter_config.json"
_SENTENCES, _TOKENIZER = "modules.json", "tokenizer_config.json"
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_MOST = 16 * 1024 * 1024
_SIGNS = {
    _CONFIG: ("model_type", "architectures", "auto_map", "transformers_version"),
    _PIPELINE: ("_class_name", "_diffusers_version"),
    _ADAPTER: ("peft_type", "base_model_name_or_path"),
}
_TOLD = ("model_type", "architectures", "transformers_version", "_class_name", "peft_type")


class HuggingFaceFolder:
    """Recognises a folder of transformers, diffusers or peft, or one with a card."""

    name = "huggingface"

    def read(
        self, files: Mapping[str, SourceFile], found: Mapping[str, Findings]
    ) -> Findings | None:
        """Answer what configuration and card say, None where there is neither."""
        if MLFLOW in files:
            return None
        configs = {name: _config(files, name) for name in _SIGNS}
        details: dict[str, Json] = {}
        for config in configs.values():
            details |= {key.lstrip("_"): short(config[key]) for key in _TOLD if key in config}
        about = card(files)
        if not any(configs.values()) and not about:
            return None
        parameters, missing = _parameters(files, found)
        return Findings(
            format=self.name,
            framework=_framework(configs, files, about),
            parameters=parameters,
            details={key: value for key, value in (details | about).items() if value is not None},
            notes=(*missing, *_notes(configs, files)),
        )


def _config(files: Mapping[str, SourceFile], name: str) -> dict[str, Json]:
    """Read a configuration of this layout, empty where the file is absent or of another."""
    signs = _SIGNS[name]
    if name not in files or files[name].size > _MOST:
        return {}
    data = text_of(files[name], _MOST)
    if not any(f'"{sign}"'.encode() in data for sign in signs):
        return {}
    config = foreign_json.load_object(data, name)
    return config if any(sign in config for sign in signs) else {}


def _framework(
    configs: Mapping[str, dict[str, Json]], files: Mapping[str, SourceFile], about: dict[str, Json]
) -> str | None:
    if configs[_ADAPTER]:
        return "peft"
    if configs[_PIPELINE]:
        return "diffusers"
    if _SENTENCES in files:
        return "sentence-transformers"
    library = about.get("library_name")
    if isinstance(library, str):
        return library
    return "transformers" if configs[_CONFIG] else None


def _parameters(
    files: Mapping[str, SourceFile], found: Mapping[str, Findings]
) -> tuple[int | None, list[str]]:
    """Count the weights that would be loaded; other copies of them may lie beside."""
    if _WEIGHTS in found:
        return found[_WEIGHTS].parameters, []
    if _INDEX not in files:
        return None, []
    weights = foreign_json.load_object(text_of(files[_INDEX], _MOST), _INDEX).get("weight_map")
    if not isinstance(weights, dict):
        msg = f"{_INDEX} must map every tensor to its file under weight_map"
        raise Invalid(msg, path=_INDEX)
    shards = sorted({str(shard) for shard in weights.values()})
    missing = [shard for shard in shards if shard not in files]
    if missing:
        return None, [f"{_INDEX} names files that are not here: {several(missing)}"]
    return sum(found[one].parameters or 0 for one in shards if one in found), []


def _notes(configs: Mapping[str, dict[str, Json]], files: Mapping[str, SourceFile]) -> list[str]:
    notes = []
    for name, config in configs.items():
        mapped = config.get("auto_map")
        if isinstance(mapped, dict):
            code = several(sorted({plain(str(one)) for one in mapped.values()}))
            notes.append(f"{name} maps classes to code that loading may run (auto_map): {code}")
    tokenizer = start_of(files[_TOKENIZER], _MOST) if _TOKENIZER in files else b""
    if b'"chat_template"' in tokenizer or "chat_template.jinja" in files:
        notes.append("it carries a chat template, which is a program; it was not rendered")
    return notes
