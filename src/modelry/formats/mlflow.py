"""MLflow model folders: what `MLmodel` and the requirements beside it say.

Nothing named there is installed, imported or run (CVE-2025-15379,
CVE-2026-0596); requirements that would run or fetch something are noted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelry.core.model import Findings
from modelry.formats import yaml_text
from modelry.formats.folder_files import text_of
from modelry.formats.mlflow_signature import signature
from modelry.formats.quoting import plain, several

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelry.core.ports import SourceFile
    from modelry.core.strict_json import Json

MARK = "MLmodel"
_REQUIREMENTS = "requirements.txt"
_GENERIC = "python_function"
_MOST_LINES = 1000
_SHALLOW = 16
_FRAMEWORKS = {"sklearn": "scikit-learn", "tensorflow": "keras"}
_TOLD = ("mlflow_version", "run_id", "model_uuid", "utc_time_created")


class MlflowModel:
    """Recognises a folder by its `MLmodel`."""

    name = "mlflow"

    def read(
        self, files: Mapping[str, SourceFile], found: Mapping[str, Findings]
    ) -> Findings | None:
        """Answer flavours, signature and environment, None without an `MLmodel`."""
        del found
        if MARK not in files:
            return None
        model = yaml_text.load_mapping(text_of(files[MARK], yaml_text.MAX_BYTES), MARK)
        flavors = model.get("flavors")
        if not isinstance(flavors, dict):
            return None
        environment = _environment(files)
        details: dict[str, Json] = {
            "flavors": {plain(name): _flat(flavor) for name, flavor in flavors.items()},
            "python_version": _python(flavors),
            **{name: _short(model.get(name)) for name in _TOLD},
            "environment": [plain(line) for line in environment],
        }
        return Findings(
            format=self.name,
            framework=_framework(flavors),
            signature=signature(model.get("signature")),
            details={name: value for name, value in details.items() if value is not None},
            notes=_notes(environment),
        )


def _framework(flavors: Mapping[str, Json]) -> str | None:
    """Answer the native flavour; the generic one only says how to call it."""
    native = next((name for name in flavors if name != _GENERIC), None)
    if native is None:
        return "python" if _GENERIC in flavors else None
    return _FRAMEWORKS.get(native, plain(native))


def _python(flavors: Mapping[str, Json]) -> Json:
    generic = flavors.get(_GENERIC)
    return _short(generic.get("python_version")) if isinstance(generic, dict) else None


def _flat(flavor: Json) -> Json:
    """Keep the plain values of a flavour."""
    if not isinstance(flavor, dict):
        return {}
    kept = [(key, value) for key, value in flavor.items() if not isinstance(value, dict | list)]
    return {plain(key): _short(value) for key, value in kept[:_SHALLOW] if value is not None}


def _short(value: Json) -> Json:
    if value is None or isinstance(value, bool | int | float):
        return value
    return plain(value) if isinstance(value, str) else None


def _environment(files: Mapping[str, SourceFile]) -> list[str]:
    if _REQUIREMENTS not in files:
        return []
    lines = text_of(files[_REQUIREMENTS], yaml_text.MAX_BYTES).decode("utf-8", "replace")
    kept = (line.strip() for line in lines.splitlines())
    return [line for line in kept if line and not line.startswith("#")][:_MOST_LINES]


def _notes(environment: list[str]) -> tuple[str, ...]:
    odd = [line for line in environment if line.startswith(("-", ".", "/")) or "://" in line]
    if not odd:
        return ()
    return (f"its requirements name places other than the package index: {several(odd)}",)
