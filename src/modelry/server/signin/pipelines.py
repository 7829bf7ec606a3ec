"""Trusted publishing: the identity token of a pipeline's job for a token of this registry."""

from __future__ import annotations

from collections.abc import Mapping

from modelry.core.access import Role
from modelry.core.accounts import ACCOUNT, PUBLISHER, Publisher, account_of, publisher_of
from modelry.core.errors import Invalid, Unauthenticated
from modelry.core.names import check_project, check_text
from modelry.core.ports import Unit, View
from modelry.core.strict_json import Json
from modelry.core.verbs.tokens import NewToken
from modelry.core.verbs.world import World
from modelry.server.signin.granting import keep_token, new_token, refuse
from modelry.server.signin.options import GITHUB, GITLAB
from modelry.server.signin.tokens import LEEWAY, Identity, Keys, issuer_of, verify_id_token

LIFETIME = 15 * 60 * 1_000_000
"""Microseconds for which a pipeline's token is good."""

JTI = "jti"
"""The kind of record that says that an identity token was used."""

_MARGIN = 600
_SECOND = 1_000_000
_MOST = 1000
_MAX_TOLD = 256
_ASKED = "publish from a pipeline"

TELLING = (
    "sub", "jti", "repository", "repository_id", "repository_owner", "repository_owner_id",
    "ref", "ref_type", "sha", "workflow", "workflow_ref", "job_workflow_ref", "event_name",
    "environment", "run_id", "run_number", "run_attempt", "actor", "actor_id",
    "project_path", "project_id", "namespace_path", "namespace_id", "ref_path", "ref_protected",
    "pipeline_id", "pipeline_source", "job_id", "ci_config_ref_uri", "user_login", "user_id",
)  # fmt: skip
"""The claims that are recorded with a pipeline's token, where it has them."""

NAMING: Mapping[str, frozenset[str]] = {
    GITHUB: frozenset({
        "sub", "repository", "repository_id", "repository_owner", "repository_owner_id",
        "workflow_ref", "job_workflow_ref", "enterprise_id",
    }),
    GITLAB: frozenset({
        "sub", "project_path", "project_id", "namespace_path", "namespace_id",
        "ci_config_ref_uri",
    }),
}  # fmt: skip
"""For issuers whose tokens anybody can get: the claims that say whose pipeline it is.

A publisher that names none of them, only a branch perhaps, lets nobody in.
"""


def exchange(world: World, jwt: str, project: str, audience: str, keys: Keys) -> NewToken:
    """Answer a token of 15 minutes for the pipeline that `jwt` is about.

    It acts as the service account of the publisher that the project trusts, in
    that project alone, at most in the publisher's role. An identity token is
    taken once. Raises `Unauthenticated`: in the same words whether the project
    is absent, trusts nobody, or trusts others.
    """
    where = check_project(project)
    try:
        identity = verify_id_token(jwt, issuer_of(jwt), audience, keys, world.clock.now(), LEEWAY)
        with world.store.read() as view:
            _matching(view, where, identity)
        return _granted(world, where, identity)
    except Unauthenticated as error:
        refuse(world, _ASKED, str(error.facts.get("why", error.message)), where)
        raise Unauthenticated(error.message) from error


def _granted(world: World, project: str, identity: Identity) -> NewToken:
    now = world.clock.now()
    until = (identity.expires + LEEWAY + _MARGIN) * _SECOND

    def change(unit: Unit) -> NewToken:
        publisher = _matching(unit, project, identity)
        if unit.kept(JTI, identity.once) is not None:
            msg = "this identity token was used already; get a new one for each exchange"
            raise Unauthenticated(msg)
        unit.keep(JTI, identity.once, {}, until)
        name = f"pipeline of publisher {publisher.id}"
        made = new_token(publisher.account, name, now, LIFETIME, project, publisher.role)
        more: dict[str, Json] = {
            "publisher": publisher.id, "issuer": identity.issuer, "claims": _told(identity),
        }  # fmt: skip
        keep_token(world, unit, made.token, more)
        return made

    return world.store.change(change)


def _matching(view: View, project: str, identity: Identity) -> Publisher:
    """Answer the publisher that trusts this pipeline, the one with the widest role of several."""
    if view.lifecycle(project) is None:
        raise _nobody(project, f"there is no project {project}")
    kept = view.all_kept(PUBLISHER, f"{project}/", "", _MOST)
    trusted = [publisher_of(project, key.partition("/")[2], body) for key, body in kept]
    found = [each for each in trusted if _is_of(each, identity)]
    if not found:
        raise _nobody(project, f"no publisher of {project} has the claims of this pipeline")
    best = max(found, key=lambda each: (list(Role).index(each.role), each.id))
    account = account_of(best.account, view.kept(ACCOUNT, best.account))
    if account is None or account.disabled is not None or account.kind != "service":
        raise _nobody(project, f"the service account {best.account} is absent or disabled")
    return best


def _is_of(publisher: Publisher, identity: Identity) -> bool:
    """Say whether every claim of a publisher is the token's, letter for letter."""
    if publisher.issuer != identity.issuer or not publisher.claims:
        return False
    naming = NAMING.get(publisher.issuer)
    if naming is not None and not naming & publisher.claims.keys():
        return False
    return all(value and identity.text(claim) == value for claim, value in publisher.claims.items())


def _nobody(project: str, why: str) -> Unauthenticated:
    msg = (
        f"{project} does not trust this pipeline; an admin of the project can add a publisher "
        "with its issuer and claims"
    )
    return Unauthenticated(msg, why=why)


def _told(identity: Identity) -> dict[str, Json]:
    told: dict[str, Json] = {}
    for claim in TELLING:
        value = identity.text(claim)[:_MAX_TOLD]
        if value and _is_plain(value):
            told[claim] = value
    return told


def _is_plain(value: str) -> bool:
    try:
        check_text(value, "a claim")
    except Invalid:
        return False
    return True
