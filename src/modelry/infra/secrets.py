"""Secrets: where they come from, and what is shown in their place."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from modelry.core.errors import Invalid, Unsupported

HIDDEN = "********"

_SOUNDS_SECRET = re.compile(
    r"(?:^|[._-])(?:password|passwd|pwd|pass|secrets?|tokens?|credentials?|auth|authorization"
    r"|api[._-]?keys?|access[._-]?keys?|private[._-]?keys?|signing[._-]?keys?|account[._-]?keys?"
    r"|access[._-]?key[._-]?id|dsn|sas)(?:$|[._-])",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_USER_INFO = re.compile(r"(?<=://)(?:[^/?#\s@:]*+:[^/?#\s]*|[^/?#\s@:]{12,}+)@")
_PARAMETER = re.compile(r"([?&;][^=&;#?\s]++=)([^&;#\s'\"]+)")
_BEARER = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_AWS_ID = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b")
_OURS = re.compile(r"\bmodelry_[A-Za-z0-9_-]{8,}")
_VARIABLE = re.compile(r"\$\{(?:oc\.env:)?([A-Za-z_][A-Za-z0-9_]*)(?:,([^}]*))?\}")


class Secret(str):
    """Text that works as any other and does not show itself: `repr`, and so every container."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Show that there is one."""
        return repr(HIDDEN)


def sounds_secret(name: str) -> bool:
    """Say whether a key or a variable of this name holds a secret."""
    return _SOUNDS_SECRET.search(_CAMEL.sub("_", name)) is not None


def masked(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Answer `text` without what looks like a secret, and without the `secrets` in it."""
    for secret in sorted({each for each in secrets if each}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _USER_INFO.sub(f"{HIDDEN}@", text)
    text = _PARAMETER.sub(_masked_parameter, text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    return _OURS.sub(HIDDEN, _AWS_ID.sub(HIDDEN, text))


def _masked_parameter(found: re.Match[str]) -> str:
    name = found[1][1:-1]
    hidden = sounds_secret(name) or name.lower() in {"sig", "signature", "key"}
    return f"{found[1]}{HIDDEN}" if hidden else found[0]


def substituted(text: str, what: str, environment: Mapping[str, str] | None = None) -> str:
    """Put the environment's values in place of `${NAME}` and `${oc.env:NAME}`.

    `${oc.env:NAME,default}` has a default. Raises `Invalid` naming the variable
    that is not set, never a value.
    """
    known = os.environ if environment is None else environment

    def value(found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        if name in known:
            return known[name]
        if default is not None:
            return default
        msg = f"{what} takes the environment variable {name}, which is not set; set it"
        raise Invalid(msg, variable=name)

    done = _VARIABLE.sub(value, text)
    return Secret(done) if done != text else text


def needs(error: ModuleNotFoundError) -> Unsupported:
    """Say which extra brings a package that is missing."""
    extra = "mlflow" if error.name == "mlflow" else "infra"
    msg = f"this needs a package that is missing here: pip install 'modelry[{extra}]'"
    return Unsupported(msg, package=error.name)
