"""Configuration files: parsed, merged, turned into plain objects (S1.7), secrets kept hidden (S1.8).

YAML by OmegaConf: `${section.key}` refers, `${oc.env:NAME}` is the environment's.
Values of the environment are put in when a configuration becomes plain objects,
and not before: what is printed of a configuration shows the references.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelry.core.errors import Invalid, NotFound
from modelry.infra.secrets import HIDDEN, Secret, masked, needs, sounds_secret

if TYPE_CHECKING:
    from omegaconf import DictConfig, ListConfig, TupleConfig

    _Tree = DictConfig | ListConfig | TupleConfig

_REFERENCE = re.compile(r"\$\{[^}]*\}")
_VARIABLE = re.compile(r"\$\{oc\.env:\s*([A-Za-z0-9_]+)")
_MAX_BYTES = 4 * 1024 * 1024


class Config:
    """A configuration as it is written: references are not followed, secrets are not shown."""

    __slots__ = ("_tree", "source")

    def __init__(self, tree: _Tree, source: str) -> None:
        self._tree = tree
        self.source = source

    def __repr__(self) -> str:
        """Show everything but secrets."""
        return f"Config({_shown(self.written())!r})"

    @property
    def tree(self) -> _Tree:
        """What OmegaConf made of it."""
        return self._tree

    def written(self) -> object:
        """Answer plain objects with the references as they are written."""
        from omegaconf import OmegaConf

        return OmegaConf.to_container(self._tree, resolve=False)

    def resolved(self) -> object:
        """Answer plain objects with the references followed. Raises `Invalid` naming the key."""
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException

        try:
            return OmegaConf.to_container(self._tree, resolve=True, throw_on_missing=True)
        except OmegaConfBaseException as error:
            key = getattr(error, "full_key", None) or self.source
            msg = f"{key}: {_first_line(error)}"
            raise Invalid(msg, key=str(key)) from None
        except RecursionError:
            msg = f"{self.source} has references that lead back to themselves"
            raise Invalid(msg, source=self.source) from None


def parse_file(path: str | os.PathLike[str]) -> Config:
    """Read a YAML file. Raises `NotFound`, or `Invalid` with the line of a mistake."""
    place = Path(path)
    try:
        size = place.stat().st_size
        if size > _MAX_BYTES:
            msg = f"{place} has {size} bytes; a configuration has at most {_MAX_BYTES}"
            raise Invalid(msg, path=str(place))
        text = place.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        msg = f"there is no file {place}"
        raise NotFound(msg, path=str(place)) from error
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{place} cannot be read as text in UTF-8: {type(error).__name__}"
        raise Invalid(msg, path=str(place)) from None
    return _parse(text, str(place))


def parse_string(string: str) -> Config:
    """Read YAML. Raises `Invalid` with the line of a mistake."""
    return _parse(string, "the configuration")


def merge_configs(configs: Sequence[Config]) -> Config:
    """Lay configurations over one another: a later one wins, key by key; lists are replaced."""
    if not configs:
        msg = "there is nothing to merge; give at least one configuration"
        raise Invalid(msg)
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    source = " + ".join(each.source for each in configs)
    try:
        merged = OmegaConf.merge(*(each.tree for each in configs))
    except (OmegaConfBaseException, TypeError, ValueError) as error:
        msg = f"{source} do not go together: {_first_line(error)}"
        raise Invalid(msg) from None
    return Config(merged, source)


def to_object(config: Config, resolve: bool = True) -> object:  # noqa: FBT001, FBT002 - as S1's callers write it
    """Answer plain dicts, lists and values, references followed unless `resolve` is false.

    Text under a key that names a secret, or from a variable that does, is a
    `Secret`: it works as text, and its `repr` shows nothing. Raises `Invalid`
    naming the key whose reference leads nowhere.
    """
    written = config.written()
    plain = _kept(written, config.resolved() if resolve else written)
    return _hidden(plain, tuple(_secrets(plain)))


def _secrets(plain: object) -> Iterator[Secret]:
    if isinstance(plain, dict | list):
        for each in plain.values() if isinstance(plain, dict) else plain:
            yield from _secrets(each)
    elif isinstance(plain, Secret) and plain:
        yield plain


def _hidden(plain: object, secrets: tuple[Secret, ...]) -> object:
    """Make a secret of all text that holds one: it may have come by a reference."""
    if isinstance(plain, dict):
        return {key: _hidden(each, secrets) for key, each in plain.items()}
    if isinstance(plain, list):
        return [_hidden(each, secrets) for each in plain]
    holds = isinstance(plain, str) and any(secret in plain for secret in secrets)
    return Secret(plain) if holds else plain


def _parse(text: str, source: str) -> Config:
    try:
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException
    except ModuleNotFoundError as error:
        raise needs(error) from error
    import yaml

    try:
        root = yaml.compose(text, yaml.SafeLoader)
        if isinstance(root, yaml.ScalarNode) and root.tag != "tag:yaml.org,2002:null":
            msg = f"{source} holds a single value; a configuration is a mapping or a list"
            raise Invalid(msg, source=source)
        tree = OmegaConf.create(text)
    except yaml.YAMLError as error:
        raise _not_yaml(error, source) from None  # the cause would print the lines around it
    except (OmegaConfBaseException, ValueError, RecursionError) as error:
        msg = f"{source} is no configuration: {_first_line(error)}"
        raise Invalid(msg, source=source) from None
    return Config(tree, source)


def _not_yaml(error: Exception, source: str) -> Invalid:
    mark = getattr(error, "problem_mark", None)
    where = "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"
    problem = getattr(error, "problem", None) or "it is not YAML"
    msg = f"{source}{where}: {masked(str(problem))}"
    line = None if mark is None else mark.line + 1
    return Invalid(msg, source=source, line=line)


def _first_line(error: Exception) -> str:
    return masked((str(error).splitlines() or [type(error).__name__])[0])


def _kept(written: object, value: object, key: str = "") -> Any:  # noqa: ANN401 - any YAML
    """Answer `value` with text that is a secret as a `Secret`, judged by what is `written`."""
    if isinstance(value, dict):
        before = written if isinstance(written, dict) else {}
        return {name: _kept(before.get(name), each, str(name)) for name, each in value.items()}
    if isinstance(value, list):
        pairs = zip(written if isinstance(written, list) else value, value, strict=True)
        return [_kept(was, each, key) for was, each in pairs]
    if not isinstance(value, str) or (value == written and _REFERENCE.fullmatch(value)):
        return value
    return Secret(value) if _is_secret(key, written) or masked(value) != value else value


def _shown(written: object, key: str = "") -> object:
    """Answer what is written with every secret hidden; references are shown as they are."""
    if isinstance(written, dict):
        return {name: _shown(each, str(name)) for name, each in written.items()}
    if isinstance(written, list):
        return [_shown(each, key) for each in written]
    if isinstance(written, str) and _REFERENCE.fullmatch(written):
        return written
    if written is not None and sounds_secret(key):
        return HIDDEN
    return masked(written) if isinstance(written, str) else written


def _is_secret(key: str, written: object) -> bool:
    """Say whether a value is a secret: by its key, or by the variable that it comes from."""
    if sounds_secret(key):
        return True
    return isinstance(written, str) and any(map(sounds_secret, _VARIABLE.findall(written)))
