"""Reading what a pipeline is to do: YAML, checked by the published schema before anything runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from modelry.core.errors import Invalid, Unsupported
from modelry.infra.config import merge_configs, parse_file, to_object

_Steps = tuple[str | int, ...]


@dataclass(frozen=True)
class Job:
    """One job: what it says, and where it stands (`train.yaml, line 3, jobs[0] (train)`)."""

    kind: str
    name: str
    fields: Mapping[str, Any]
    place: str

    def get(self, field: str) -> Any:  # noqa: ANN401 - the schema says what
        """Answer a field, None where the job does not say it."""
        return self.fields.get(field)


@dataclass(frozen=True)
class Pipeline:
    """What `modelry run` does; paths and commands begin at `folder`."""

    folder: Path
    registry: str | None
    alerts: tuple[str, ...]
    jobs: tuple[Job, ...]


def schema_text() -> str:
    """Answer the JSON schema of a description, as it is published with the package."""
    return (files("modelry.pipelines") / "schema.json").read_text(encoding="utf-8")


def read_pipeline(paths: Sequence[Path]) -> Pipeline:
    """Read a description; of several files a later one wins, key by key.

    Raises `NotFound`, or `Invalid` naming file, line and field of a mistake.
    """
    config = merge_configs([parse_file(path) for path in paths])
    lines = _Lines(paths)
    try:
        plain: Any = to_object(config)
    except Invalid as error:
        key = str(error.facts.get("key", ""))
        raise _at(lines, _steps(key), error.message.removeprefix(f"{key}: ")) from None
    _check(plain, lines)
    jobs = [
        Job(each["job"], each.get("name", each["job"]), each, _place(lines, at, each))
        for at, each in enumerate(plain["jobs"])
    ]
    folder = paths[0].absolute().parent
    return Pipeline(folder, plain.get("registry"), tuple(plain.get("alerts", ())), tuple(jobs))


class _Lines:
    """Where each value of the files stands; of two files the later one counts."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._known: dict[_Steps, tuple[Path, int]] = {}
        self._first = paths[0]
        for path in paths:
            self._known.update({steps: (path, line) for steps, line in _marks(path)})

    def of(self, steps: _Steps) -> str:
        """Answer `train.yaml, line 3` for a value, or for the nearest around it."""
        for length in range(len(steps), 0, -1):
            if steps[:length] in self._known:
                path, line = self._known[steps[:length]]
                return f"{path}, line {line}"
        return str(self._first)


def _marks(path: Path) -> Iterator[tuple[_Steps, int]]:
    import yaml

    root = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)

    def walk(node: yaml.Node | None, steps: _Steps) -> Iterator[tuple[_Steps, int]]:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner = (*steps, str(key.value))
                yield inner, key.start_mark.line + 1
                yield from walk(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for at, value in enumerate(node.value):
                yield (*steps, at), value.start_mark.line + 1
                yield from walk(value, (*steps, at))

    return walk(root, ())


def _steps(key: str) -> _Steps:
    """Read `jobs[0].path` as steps."""
    parts = key.replace("[", ".").replace("]", "").split(".")
    return tuple(int(part) if part.isdigit() else part for part in parts if part)


def _named(steps: _Steps) -> str:
    """Write steps as `jobs[0].path`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".")


def _place(lines: _Lines, at: int, job: Mapping[str, Any]) -> str:
    return f"{lines.of(('jobs', at))}, jobs[{at}] ({job.get('name', job['job'])})"


def _at(lines: _Lines, steps: _Steps, what: str) -> Invalid:
    named = _named(steps)
    msg = f"{lines.of(steps)}, {named}: {what}" if named else f"{lines.of(steps)}: {what}"
    return Invalid(msg, field=named)


def _check(plain: object, lines: _Lines) -> None:
    """Check by the schema. What is told are our words: the library's would show values."""
    try:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import best_match
    except ModuleNotFoundError as error:
        msg = "this needs a package that is missing here: pip install 'modelry[infra]'"
        raise Unsupported(msg, package=error.name) from error

    found = best_match(Draft202012Validator(json.loads(schema_text())).iter_errors(plain))
    if found is None:
        return
    steps: _Steps = tuple(found.absolute_path)
    rule, wanted = str(found.validator), found.validator_value
    instance: Any = found.instance
    if rule == "additionalProperties" and isinstance(instance, Mapping):
        known = sorted(found.schema.get("properties", {}))
        wrong = next(str(each) for each in instance if each not in known)
        raise _at(lines, (*steps, wrong), f"means nothing here; there are {', '.join(known)}")
    if rule == "required":
        lacking = next(each for each in wanted if each not in instance)
        raise _at(lines, steps, f"{lacking} is missing")
    raise _at(lines, steps, _words(rule, wanted, found.schema))


def _words(rule: str, wanted: Any, schema: Any) -> str:  # noqa: ANN401 - parts of a schema
    if rule == "type":
        names = wanted if isinstance(wanted, list) else [wanted]
        return f"takes {' or '.join(_TYPES.get(str(name), str(name)) for name in names)}"
    if rule == "enum":
        return f"is one of {', '.join(wanted)}"
    about = schema.get("description") if isinstance(schema, dict) else None
    said = _RULES.get(rule, f"breaks the rule {rule}")
    limit = f" {wanted}" if isinstance(wanted, int | float) and not isinstance(wanted, bool) else ""
    return f"{said}{limit}" + (f" ({about})" if about else "")


_TYPES = {"object": "a mapping", "array": "a list", "string": "text", "number": "a number",
          "integer": "a whole number", "boolean": "true or false"}  # fmt: skip
_RULES = {
    "minLength": "is empty",
    "minItems": "needs entries, at least",
    "maxItems": "has more entries than",
    "minProperties": "says too little; entries it needs:",
    "minimum": "is not less than",
    "exclusiveMinimum": "is more than",
    "pattern": "has another form",
    "oneOf": "takes exactly one of its forms",
}
