"""GTO's tags, folded into what stands: versions, stages, what was taken back.

`model@v1.2.0` registers, `model#prod#3` assigns a stage, `!` after either
takes it back, `model@deprecated` retires the model. A model in a folder is
`folder=model` in a tag. (https://github.com/iterative/gto, gto/constants.py)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from modelry.remotes.gto.git import Tag

_NAME = r"[a-z0-9](?:[a-z0-9-/]*[a-z0-9])?"
_SEMVER = (
    r"v(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)"
    r"(?:-[0-9a-zA-Z.-]+)?(?:\+[0-9a-zA-Z.-]+)?"
)
_TAG = re.compile(
    rf"(?P<model>(?:[a-z0-9-_./]+=)?{_NAME})"
    rf"(?:(?:#(?P<stage>{_NAME})|@(?P<version>{_SEMVER}))(?P<back>!?)"
    r"|@(?P<word>deprecated|created))(?:#[0-9]+)?",
    re.ASCII,
)


@dataclass(slots=True)
class Standing:
    """A model as its tags leave it: its versions by label, oldest first, and its stages."""

    name: str
    versions: dict[str, Tag] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    deprecated: bool = False

    @property
    def folder(self) -> str:
        """The folder that the model is of, with a slash at its end; empty for the root."""
        folder = self.name.rpartition("=")[0]
        return f"{folder}/" if folder else ""

    @property
    def artifact(self) -> str:
        """The name in `artifacts.yaml` or `dvc.yaml`."""
        return self.name.rpartition("=")[2]


def fold(tags: Iterable[Tag]) -> dict[str, Standing]:
    """Read tags, oldest first, as events; those of other tools say nothing."""
    found: dict[str, Standing] = {}
    for tag in tags:
        match = _TAG.fullmatch(tag.name)
        if match is None:
            continue
        model = found.setdefault(match["model"], Standing(match["model"]))
        if match["word"]:
            model.deprecated = match["word"] == "deprecated"
        elif match["version"]:
            _register(model, match["version"], tag, back=bool(match["back"]))
        else:
            _assign(model, match["stage"], tag, back=bool(match["back"]))
    return found


def _register(model: Standing, version: str, tag: Tag, *, back: bool) -> None:
    if back:
        model.versions.pop(version, None)
        model.stages = {stage: of for stage, of in model.stages.items() if of != version}
        return
    model.versions[version] = tag
    model.deprecated = False


def _assign(model: Standing, stage: str, tag: Tag, *, back: bool) -> None:
    """Put a stage on the version of the tag's commit; one without a version is not registered."""
    of = [version for version, each in model.versions.items() if each.commit == tag.commit]
    if back:
        if model.stages.get(stage) in of:
            del model.stages[stage]
    elif of:
        model.stages[stage] = of[-1]
