"""What callers name, as a request says it; what is no name is refused without asking the server."""

from __future__ import annotations

from collections.abc import Sequence

from modelry.core.deployments import check_target
from modelry.core.documents import iso_or_none
from modelry.core.errors import Unsupported
from modelry.core.events import LogFilter
from modelry.core.names import check_project, parse_model, parse_ref
from modelry.core.verbs.look import page_limit
from modelry.remotes.client.administration import segment


def ref(text: str) -> str:
    """Answer `text` where it is a ref. Raises `Invalid`."""
    parse_ref(text)
    return text


def model(name: str) -> str:
    """Answer a model as `project/name`, so that no name is taken for an id."""
    parsed = parse_model(name)
    return f"{parsed.project}/{parsed.name}"


def project(name: str | None) -> str | None:
    """Answer a project, None for none."""
    return check_project(name) if name else None


def stages(name: str) -> str:
    """Answer the path of the stages of a project."""
    return f"/registry/projects/{segment(check_project(name))}/stages"


def target(name: str | None) -> str | None:
    """Answer a target of deployments, None for none. Raises `Invalid`."""
    return None if name is None else check_target(name)


def page(limit: int, cursor: str | None) -> dict[str, str | int | None]:
    """Answer which page is asked for."""
    return {"limit": page_limit(limit), "cursor": cursor}


def filtered(wanted: LogFilter) -> dict[str, str | Sequence[str] | None]:
    """Answer which records of the log are asked for. Raises `Unsupported`."""
    if wanted.chain is not None and "/" not in wanted.chain:
        msg = "a server tells the log of a model or of a project, not of a chain between them"
        raise Unsupported(msg, chain=wanted.chain)
    return {
        "model": wanted.chain,
        "actor": wanted.actor,
        "kind": None if wanted.kinds is None else sorted(wanted.kinds),
        "since": iso_or_none(wanted.since),
        "until": iso_or_none(wanted.until),
    }
