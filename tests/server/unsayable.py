"""Rules that a request may break although the OpenAPI document allows it, and why.

JSON schema says what one value looks like. It cannot say how two values go
together, how long one part of a text is, or what an earlier answer said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from modelry.core import query
from modelry.core.errors import RegistryError
from modelry.core.lifecycle import lifecycle_from_json
from modelry.core.strict_json import MAX_INTEGER, check
from modelry.core.verbs.audit import checkpoint_from_text

Values = Mapping[str, Any]
PART = 128


def _texts(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    else:
        yield value


def long_part(values: Values) -> bool:
    """A project, model or version in `project/model:version` has at most 128 characters."""
    names = ("model_id", "model", "ref", "base", "name")
    given = [values.get(name) for name in names]
    parts = [part for text in _texts(given) for part in re.split("[/:@]", str(text))]
    return any(len(part) > PART and not re.fullmatch("[0-9a-f]*", part) for part in parts) or any(
        len(part) > PART for part in parts
    )


def beyond_64_bits(values: Values) -> bool:
    """A whole number has 64 bits, a float may be larger; `number` is both."""
    return any(isinstance(each, int) and abs(each) > MAX_INTEGER for each in _texts(values))


def whole_as_float(values: Values) -> bool:
    """Where a whole number is asked for, `3.0` is none; JSON schema says that it is."""
    return any(isinstance(each, float) and each.is_integer() for each in _texts(values))


def made_up_cursor(values: Values) -> bool:
    """A cursor is what an earlier page answered."""
    return values.get("cursor") is not None


def two_of_one(values: Values) -> bool:
    """Of two names for one thing a request gives one."""
    if "/" in str(values.get("name")) and (values.get("project") or values.get("project_id")):
        return True
    pairs = (("source", "artifact_version_id"), ("params", "metadata"), ("project", "project_id"))
    return any(values.get(one) is not None and values.get(two) is not None for one, two in pairs)


def one_or_all(values: Values) -> bool:
    """Tokens are listed of one account, or of all."""
    return values.get("account") is not None and "all" in values


def nothing_said(values: Values) -> bool:
    """A change says what is to change."""
    return not values.keys() & {"description", "tags", "set_tags", "remove_tags"}


def free_params(values: Values) -> bool:
    """A parameter is any JSON that strict reading takes and that fits 8000 characters."""
    return bool(values.get("params") or values.get("metadata"))


def bytes_elsewhere(values: Values) -> bool:
    """Files name bytes that were uploaded; a source without bytes needs the operator's leave."""
    return bool(values.get("files")) or "source" in values or values.get("kind") == "file"


def _refused(read: Callable[[Any], object], given: object) -> bool:
    """Say whether the core takes `given` for nothing that it can read."""
    try:
        read(given)
    except (RegistryError, ValueError, OverflowError):
        return True
    return False


def grammar(values: Values) -> bool:
    """A search has its grammar."""
    return values.get("q") is not None and _refused(query.parse, str(values["q"]))


def calendar(values: Values) -> bool:
    """A time has its calendar, and says its zone."""
    given = [values[name] for name in ("as_of", "since", "until") if values.get(name) is not None]
    return any(_refused(_instant, str(each)) for each in given)


def _instant(text: str) -> None:
    """Read a time that Unix time can tell. Raises `ValueError`, `OverflowError`."""
    if datetime.fromisoformat(text).astimezone().timestamp() < 0:
        msg = "before 1970"
        raise ValueError(msg)


def checkpoint(values: Values) -> bool:
    """A checkpoint has its format."""
    text = values.get("checkpoint")
    return text is not None and _refused(checkpoint_from_text, str(text).encode(errors="replace"))


def several(values: Values) -> bool:
    """At least two different versions are compared."""
    given = values.get("ref")
    return not isinstance(given, list) or len(set(map(str, given))) < len(given) or len(given) < 2


def whole_stages(values: Values) -> bool:
    """Stages have to go together: which displaces which, where versions start and rest."""
    stages = values.get("stages")
    return isinstance(stages, list) and _refused(
        lambda given: lifecycle_from_json(check(given, "the stages")), stages
    )


def issuer_and_claims(values: Values) -> bool:
    """An issuer is an https address, and an account a service that may publish."""
    return "issuer" in values


def empty_upload(values: Values) -> bool:
    """The digest of nothing is known before a byte has come."""
    return values.get("size") == 0


def the_model_alone(values: Values) -> bool:
    """What is freed is a version, which a ref may leave out elsewhere."""
    return not re.search("[:@]", str(values.get("ref")))


def another_model(values: Values) -> bool:
    """An alias of a model names a version of that model."""
    return values.get("model") != re.split("[:@]", str(values.get("ref")))[0]


def a_word_of_the_project(values: Values) -> bool:
    """A stage is one that the project has, and goes where its rules let it."""
    return any(values.get(name) is not None for name in ("stage", "displace", "expect"))


def not_text(values: Values) -> bool:
    """NUL and half of a character are refused wherever they stand."""
    return any(isinstance(each, str) and re.search("[\0\ud800-\udfff]", each)
               for each in _texts(values))  # fmt: skip


ANYWHERE: tuple[Callable[[Values], bool], ...] = (
    long_part, beyond_64_bits, whole_as_float, made_up_cursor, not_text,
)  # fmt: skip
OF: Mapping[str, tuple[Callable[[Values], bool], ...]] = {
    "create_model": (two_of_one,),
    "list_models": (two_of_one,),
    "list_tokens": (one_or_all,),
    "create_version": (two_of_one, free_params, bytes_elsewhere),
    "update_model": (nothing_said,),
    "update_version": (nothing_said,),
    "update_ref": (nothing_said,),
    "search_versions": (grammar,),
    "get_history": (calendar,),
    "list_events": (calendar,),
    "verify_audit": (checkpoint,),
    "restore_registry": (checkpoint,),
    "compare_versions": (several,),
    "set_stages": (whole_stages,),
    "trust_publisher": (issuer_and_claims,),
    "begin_upload": (empty_upload,),
    "purge_version": (the_model_alone,),
    "set_alias": (the_model_alone, another_model),
    "archive_version": (the_model_alone,),
    "deploy_version": (the_model_alone,),
    "promote_version": (a_word_of_the_project, the_model_alone),
    "transition_version": (a_word_of_the_project,),
    "rollback_stage": (a_word_of_the_project,),
    "get_latest_version": (a_word_of_the_project,),
    "list_versions": (a_word_of_the_project,),
}
"""By operation, which of these rules a request may break."""


def unsayable(operation: str, values: Values) -> bool:
    """Say whether a request may break a rule that its description cannot tell."""
    return any(rule(values) for rule in (*ANYWHERE, *OF.get(operation, ())))
