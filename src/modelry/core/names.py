"""What a name may be, and how people name a version.

Names are ASCII, so that no two of them look alike, and are compared without
letter case. A name never becomes a path on a disk.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from modelry.core.errors import Invalid

DEFAULT_PROJECT = "default"
RESERVED_MODELS = frozenset({"summary", "stages", "versions"})
MAX_NUMBER = 10**15
MAX_PATH_BYTES = 1024
MAX_TEXT = 8000
MAX_DESCRIPTION = 65_536
MAX_TAG = 100_000
MAX_TAGS = 1_000_000

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}", re.ASCII)
_NUMBER = re.compile(r"[vV]?[0-9]+", re.ASCII)
_KEY = re.compile(r"[\w.][\w./@ :-]{0,249}")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_V_BEFORE_DIGIT = re.compile(r"v(?=[0-9])")
_NAME_RULE = (
    "1 to 128 ASCII letters, digits, '.', '_' or '-', beginning with a letter or digit, "
    "without '..'"
)

Selector = Literal["none", "latest", "number", "label", "pointer", "digest"]


@dataclass(frozen=True, slots=True)
class Ref:
    """A parsed ref: a model, and which of its versions.

    `name` keeps the letters as typed. `selector` says how the version is
    chosen and `value` holds the label's key, the pointer's name or the
    digest; `number` the number, 0 elsewhere.
    """

    project: str
    name: str
    selector: Selector = "none"
    value: str = ""
    number: int = 0

    def __str__(self) -> str:
        model = self.name if self.project == DEFAULT_PROJECT else f"{self.project}/{self.name}"
        mark = {
            "none": "",
            "latest": "@latest",
            "number": f":{self.number}",
            "label": f":{self.value}",
            "pointer": f"@{self.value}",
            "digest": f"@sha256:{self.value}",
        }
        return model + mark[self.selector]

    def at(self, number: int) -> Ref:
        """Answer the ref of version `number` of the same model."""
        return Ref(self.project, self.name, "number", "", number)


def parse_ref(text: str) -> Ref:
    """Read `[project/]model`, `model:3`, `model:v1.2.0`, `model@production`, `model@sha256:...`.

    Also MLflow's `models:/name/3`, `models:/name/production` and
    `models:/name@alias`. Raises `Invalid` for anything else.
    """
    if text.startswith("models:/"):
        return _mlflow_ref(text)
    if "@" in text:
        model, _, selector = text.partition("@")
        return _pointer(*_model(model), selector)
    model, colon, selector = text.partition(":")
    project, name = _model(model)
    return _numbered(project, name, selector) if colon else Ref(project, name)


def parse_model(text: str) -> Ref:
    """Read `[project/]model` where a version makes no sense."""
    ref = parse_ref(text)
    if ref.selector != "none":
        msg = f"{text!r} names a version; name the model alone: {Ref(ref.project, ref.name)}"
        raise Invalid(msg, ref=text)
    return ref


def _mlflow_ref(text: str) -> Ref:
    rest = text.removeprefix("models:/")
    if "@" in rest:
        model, _, selector = rest.partition("@")
        return _pointer(*_model(model), selector)
    parts = rest.split("/")
    if len(parts) == 1:
        return Ref(*_model(rest))
    if len(parts) > 3:  # noqa: PLR2004 - project, name, version: the address of MLflow has no more
        msg = f"{text!r} has too many parts; write models:/name/version or models:/name@alias"
        raise Invalid(msg, ref=text)
    project, name = _model("/".join(parts[:-1]))
    selector = parts[-1]
    if _NUMBER.fullmatch(selector) or "." in selector:
        return _numbered(project, name, selector)
    return _pointer(project, name, selector)


def _model(text: str) -> tuple[str, str]:
    project, slash, name = text.rpartition("/")
    return check_project(project if slash else DEFAULT_PROJECT), check_model(name)


def _pointer(project: str, name: str, selector: str) -> Ref:
    algorithm, colon, digest = selector.partition(":")
    if colon:
        if algorithm.lower() != "sha256" or not _SHA256.fullmatch(digest.lower()):
            msg = f"{selector!r} is not a digest; write sha256: and 64 hexadecimal digits"
            raise Invalid(msg, ref=selector)
        return Ref(project, name, "digest", digest.lower())
    if selector.lower() == "latest":
        return Ref(project, name, "latest")
    return Ref(project, name, "pointer", check_pointer(selector, "the stage or alias"))


def _numbered(project: str, name: str, selector: str) -> Ref:
    if selector.lower() == "latest":
        return Ref(project, name, "latest")
    key = label_key(check_label(selector))
    number = label_number(selector)
    if number is None:
        return Ref(project, name, "label", key)
    return Ref(project, name, "number", "", number)


def check_name(text: str, what: str) -> str:
    """Answer `text` where it is a name, else raise `Invalid` naming `what`."""
    if not _NAME.fullmatch(text) or ".." in text:
        msg = f"{text!r} is not a {what} name: use {_NAME_RULE}"
        raise Invalid(msg, **{what: text})
    return text


def check_project(text: str) -> str:
    """Answer `text` in lower case where it may name a project."""
    return check_name(text, "project").lower()


def check_model(text: str) -> str:
    """Answer `text` where it may name a model."""
    check_name(text, "model")
    if text.lower() in RESERVED_MODELS:
        msg = f"{text!r} is reserved (it is a path of the API); choose another model name"
        raise Invalid(msg, model=text)
    return text


def check_pointer(text: str, what: str) -> str:
    """Answer `text` in lower case where it may name a stage or an alias."""
    check_name(text, what)
    if _NUMBER.fullmatch(text) or text.lower() == "latest":
        msg = f"{text!r} cannot be {what}: it reads as a version; choose a word"
        raise Invalid(msg, pointer=text)
    return text.lower()


def check_label(text: str) -> str:
    """Answer `text` where it may be a version label."""
    if not _LABEL.fullmatch(text) or ".." in text:
        msg = (
            f"{text!r} is not a version label: use 1 to 128 ASCII letters, digits, "
            "'.', '_', '+' or '-', beginning with a letter or digit (1.2.0, v3, 2026-11-21)"
        )
        raise Invalid(msg, version=text)
    if text.lower() == "latest":
        msg = "'latest' always means the newest version; choose another label"
        raise Invalid(msg, version=text)
    label_number(text)
    return text


def label_key(label: str) -> str:
    """Answer what makes a label unique: lower case, without `v` before a digit."""
    return _V_BEFORE_DIGIT.sub("", label.lower(), count=1) if label[0] in "vV" else label.lower()


def label_number(label: str) -> int | None:
    """Answer the number that a whole-number label sets, None for other labels."""
    if not _NUMBER.fullmatch(label):
        return None
    digits = label.lstrip("vV")
    if digits.startswith("0") or len(digits) > len(str(MAX_NUMBER)) - 1:
        msg = f"{label!r} is not a version number: 1 to {MAX_NUMBER - 1}, without leading zeros"
        raise Invalid(msg, version=label)
    return int(digits)


def check_key(text: object, what: str) -> str:
    """Answer `text` where it may name a metric, a parameter or a tag."""
    if not isinstance(text, str) or not _KEY.fullmatch(text):
        msg = (
            f"{text!r} cannot name a {what}: use 1 to 250 letters, digits, spaces or "
            "'_', '-', '.', '/', '@', ':', beginning with a letter, digit, '_' or '.'"
        )
        raise Invalid(msg, what=what)
    return text


def fold(text: str) -> str:
    """Answer `text` with its ASCII letters in lower case and all else as it is, as SQLite does."""
    return text.translate(_LOWER)


def check_text(text: object, what: str, limit: int = MAX_TEXT) -> str:
    """Answer `text` where it is text that shows what it says.

    Refused are control characters (but new lines and tabs), characters that
    reorder text, lone surrogates, and more than `limit` characters.
    """
    if not isinstance(text, str):
        msg = f"{what} must be text, not {type(text).__name__}"
        raise Invalid(msg, what=what)
    if len(text) > limit:
        msg = f"{what} has {len(text)} characters; at most {limit} are kept"
        raise Invalid(msg, what=what)
    for at, character in enumerate("" if text.isprintable() else text):
        if _hidden(character):
            msg = f"{what} holds U+{ord(character):04X} at character {at + 1}; remove it"
            raise Invalid(msg, what=what)
    return text


def check_path(path: str) -> str:
    """Answer `path` where it is a relative path that every machine can hold."""
    parts = path.split("/")
    try:
        too_long = len(path.encode()) > MAX_PATH_BYTES
    except UnicodeEncodeError as error:
        msg = f"the file name {path!r} is not valid Unicode; rename the file"
        raise Invalid(msg, path=path) from error
    if too_long or "\\" in path or {"", ".", ".."} & set(parts) or _drive(parts[0]):
        msg = (
            f"{path!r} is not a path inside a version: use a relative path of at most "
            f"{MAX_PATH_BYTES} bytes, '/' between its parts, without '.', '..' or '\\'"
        )
        raise Invalid(msg, path=path)
    if any(_hidden(character) or character in "\n\t" for character in path):
        msg = f"the file name {path!r} holds a character that cannot be seen; rename the file"
        raise Invalid(msg, path=path)
    return path


def refuse_twins(paths: Iterable[str]) -> None:
    """Raise `Invalid` for two paths that cannot both be files on every file system."""
    seen: dict[str, str] = {}
    for path in paths:
        key = unicodedata.normalize("NFC", path).casefold()
        if key in seen:
            msg = f"{seen[key]!r} and {path!r} are one file on some systems; rename one of them"
            raise Invalid(msg, path=path)
        seen[key] = path
    for key, path in seen.items():
        folder = key.rpartition("/")[0]
        while folder and folder not in seen:
            folder = folder.rpartition("/")[0]
        if folder:
            msg = f"{seen[folder]!r} is a file, and the folder of {path!r}; rename one of them"
            raise Invalid(msg, path=path)


def _drive(part: str) -> bool:
    return len(part) > 1 and part[1] == ":"


def _hidden(character: str) -> bool:
    """Say whether a character is a control, a surrogate or changes the order of text."""
    if character in "\n\t":
        return False
    category = unicodedata.category(character)
    return category in {"Cc", "Cs"} or unicodedata.bidirectional(character) in {
        "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
    }  # fmt: skip
