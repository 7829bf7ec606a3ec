"""Login of people: from a program on their machine to the identity provider and back.

Two codes and two challenges, one inside the other: between this server and the
provider, and between the program and this server. What is pending lies in the
store, so that any process of the server can go on with it.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast
from urllib.parse import urlencode

from modelry.core.accounts import ACCOUNT, account_of
from modelry.core.errors import (
    Denied,
    Invalid,
    RegistryError,
    Unauthenticated,
    Unsupported,
)
from modelry.core.model import moment
from modelry.core.ports import Unit
from modelry.core.strict_json import Json
from modelry.core.verbs.tokens import DAY, NewToken
from modelry.core.verbs.world import World
from modelry.server.signin.enrolment import enrol
from modelry.server.signin.granting import hashed, keep_token, new_token, refusal, refuse
from modelry.server.signin.jwks import Issuers
from modelry.server.signin.options import SignIn
from modelry.server.signin.pace import count_begun
from modelry.server.signin.provider import (
    LOGIN_SECONDS,
    authorization_url,
    challenge_of,
    identify,
)
from modelry.server.signin.tokens import Identity

LOGIN = "login"
CODE = "login_code"
CODE_SECONDS = 120
_SECOND = 1_000_000
_ASKED = "log in"
_MAX_CODE = 4096

_REDIRECT = re.compile(
    r"http://(?:127\.0\.0\.1|\[::1\]|localhost):([1-9][0-9]{0,4})(?:/[A-Za-z0-9._~/-]{0,200})?",
    re.ASCII,
)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_STATE = re.compile(r"[A-Za-z0-9._~-]{8,256}", re.ASCII)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Begun:
    """A login on its way: where the browser goes, and the secret that it alone has."""

    location: str
    state: str
    browser: str

    def __repr__(self) -> str:
        """Say nothing of the secrets."""
        return "<Begun login>"


def begin(  # noqa: PLR0913 - a login is asked for with these
    world: World, settings: SignIn, issuers: Issuers, redirect: str, state: str, challenge: str
) -> Begun:  # fmt: skip
    """Begin a login for the program that listens at `redirect`, on the person's own machine.

    `state` and the S256 `challenge` are the program's. Raises `Invalid` for a
    redirect that leads anywhere else, `Unavailable` where one address begins too many.
    """
    if settings.issuer is None:
        msg = "people do not sign in by an identity provider here; ask an admin for a token"
        raise Unsupported(msg)
    _check_asked(redirect, state, challenge)
    ours, nonce, verifier, browser = (secrets.token_urlsafe(32) for _ in range(4))
    location = authorization_url(settings, issuers, ours, nonce, verifier)
    expires = world.clock.now() + LOGIN_SECONDS * _SECOND
    body: dict[str, Json] = {
        "redirect": redirect, "state": state, "challenge": challenge, "nonce": nonce,
        "verifier": verifier, "browser": hashed(browser), "expires": expires,
    }  # fmt: skip

    def change(unit: Unit) -> None:
        count_begun(unit, str(world.trace.get("address", "")), world.clock.now())
        unit.keep(LOGIN, hashed(ours), body, expires)

    world.store.change(change)
    return Begun(location, ours, browser)


def _check_asked(redirect: str, state: str, challenge: str) -> None:
    match = _REDIRECT.fullmatch(redirect)
    if match is None or int(match[1]) > _MAX_PORT:
        msg = (
            "redirect must be http://127.0.0.1:PORT/... (or [::1] or localhost), where the "
            "program that asked listens; nothing else is redirected to"
        )
        raise Invalid(msg, field="redirect")
    if not _STATE.fullmatch(state):
        msg = "state must be 8 to 256 letters, digits, '.', '_', '~' or '-', new for each login"
        raise Invalid(msg, field="state")
    if not _CHALLENGE.fullmatch(challenge):
        msg = "challenge must be the S256 challenge of a verifier (RFC 7636): 43 characters"
        raise Invalid(msg, field="challenge")


def finish(
    world: World,
    settings: SignIn,
    issuers: Issuers,
    asked: Mapping[str, str],
    browser: str,
) -> str:
    """Answer where the browser goes after the provider: to the program, with a code or an error.

    `asked` is the provider's query, `browser` the secret that `begin` gave.
    Raises `Unauthenticated` where no such login is pending in this browser.
    """
    pending = _take(world, asked.get("state", ""), browser)
    try:
        _check_return(settings, asked)
        code = _enrolled(world, settings, issuers, pending, asked["code"])
        answer = {"code": code}
    except RegistryError as error:
        if isinstance(error, Unauthenticated | Denied):
            refuse(world, _ASKED, error.message, str(error.facts.get("account", "")))
        answer = {"error": error.code, "error_description": error.message}
    told = urlencode({**answer, "state": str(pending["state"])})
    return f"{pending['redirect']}?{told}"


def _take(world: World, state: str, browser: str) -> Mapping[str, Json]:
    """Take a pending login out of the store: whoever takes it is the only one."""
    key = hashed(state)
    with world.store.read() as view:
        seen = view.kept(LOGIN, key)

    def change(unit: Unit) -> Mapping[str, Json] | None:
        body = unit.kept(LOGIN, key)
        unit.drop(LOGIN, key)
        return body

    pending = world.store.change(change) if seen is not None else None
    if (
        pending is None
        or cast("int", pending["expires"]) <= world.clock.now()
        or not hmac.compare_digest(str(pending["browser"]), hashed(browser))
    ):
        refuse(world, _ASKED, "no such login is pending in this browser")
        raise refusal()
    return pending


def _check_return(settings: SignIn, asked: Mapping[str, str]) -> None:
    if asked.get("iss", settings.issuer) != settings.issuer:
        msg = "the answer came from another identity provider than the login went to (iss)"
        raise Unauthenticated(msg)
    if "error" in asked or not 0 < len(asked.get("code", "")) <= _MAX_CODE:
        msg = f"the identity provider refused the login ({asked.get('error', 'no code')[:60]!r})"
        raise Unauthenticated(msg)


def _enrolled(
    world: World, settings: SignIn, issuers: Issuers, pending: Mapping[str, Json], code: str
) -> str:
    """Identify a person, make sure of their account, and answer a one-time code for it."""
    nonce, verifier = str(pending["nonce"]), str(pending["verifier"])
    identity = identify(settings, issuers, code, nonce, verifier, world.clock.now())
    now = world.clock.now()
    ours = secrets.token_urlsafe(32)
    challenge = str(pending["challenge"])

    def change(unit: Unit) -> None:
        account = enrol(world, unit, settings, identity, now)
        unit.keep(CODE, hashed(ours), _code_body(account.name, challenge, identity, now),
                  now + CODE_SECONDS * _SECOND)  # fmt: skip

    world.store.change(change)
    return ours


def _code_body(account: str, challenge: str, identity: Identity, now: int) -> dict[str, Json]:
    return {
        "account": account, "challenge": challenge, "issuer": identity.issuer,
        "expires": now + CODE_SECONDS * _SECOND,
    }  # fmt: skip


def redeem(world: World, settings: SignIn, code: str, verifier: str) -> NewToken:
    """Answer a token for a one-time code, to whoever holds the verifier of its challenge.

    A code that was tried once is gone, whatever came of it. Raises
    `Unauthenticated`.
    """
    with world.store.read() as view:
        seen = view.kept(CODE, hashed(code))
    now = world.clock.now()
    made = None if seen is None else world.store.change(
        lambda unit: _redeemed(world, unit, settings, hashed(code), verifier, now)
    )  # fmt: skip
    if made is None:
        refuse(world, _ASKED, "a login code is unknown, was used, is too old, or not theirs")
        raise refusal()
    return made


def _redeemed(  # noqa: PLR0913 - one change, and all that it is about
    world: World, unit: Unit, settings: SignIn, key: str, verifier: str, now: int
) -> NewToken | None:
    """Drop the code in any case, which a refusal that is raised here would undo."""
    body = unit.kept(CODE, key)
    unit.drop(CODE, key)
    if body is None or cast("int", body["expires"]) <= now or not _VERIFIER.fullmatch(verifier):
        return None
    if not hmac.compare_digest(str(body["challenge"]), challenge_of(verifier)):
        return None
    name = str(body["account"])
    account = account_of(name, unit.kept(ACCOUNT, name))
    if account is None or account.disabled is not None:
        return None
    day = moment(now).astimezone(UTC)
    made = new_token(name, f"login {_day(day)}", now, settings.token_days * DAY)
    keep_token(world, unit, made.token, {"issuer": body["issuer"]})
    return made


def _day(when: datetime) -> str:
    return when.date().isoformat()
