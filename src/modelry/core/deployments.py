"""Deployments are events, read as what they say: which version went where, when, by whom."""

from __future__ import annotations

from modelry.core.errors import Invalid
from modelry.core.events import Event
from modelry.core.model import Deployment
from modelry.core.names import check_text

MAX_TARGET = 256


def check_target(target: str) -> str:
    """Answer a target without white space around it. Raises `Invalid`."""
    where = check_text(target, "the target", MAX_TARGET).strip()
    if len(where.splitlines()) != 1:
        msg = "say in one line where the version is deployed, such as eu-cluster or edge/box-7"
        raise Invalid(msg, target=target)
    return where


def deployment_of(project: str, name: str, event: Event) -> Deployment:
    """Read a deployment of a model from its event."""
    return Deployment(
        project=project,
        name=name,
        seq=event.seq,
        number=event.number or 0,
        version=str(event.body["version"]),
        target=str(event.body["target"]),
        actor=event.actor,
        at=event.at,
        comment=event.comment,
    )
