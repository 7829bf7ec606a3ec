"""What an operator says about signing in."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelry.core.errors import Invalid
from modelry.server.signin.fetching import check_url

GITHUB = "https://token.actions.githubusercontent.com"
GITLAB = "https://gitlab.com"
TRUSTED_ISSUERS = (GITHUB, GITLAB)
"""The issuers of pipelines that are trusted where nobody says otherwise."""

LONGEST_DAYS = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """How people and pipelines sign in. Raises `Invalid` where it does not fit together.

    `public_url` is the address of this server: what a pipeline's token must be
    made for, and where the identity provider sends people back to. `issuer`,
    `client_id` and `client_secret` are those of the provider of people; without
    an issuer people do not sign in here. `trusted_issuers` are the issuers of
    pipelines: no other is ever contacted, whatever an admin of a project names.
    `first_admins` are e-mail addresses (verified by the provider) or subjects
    that become admins of the registry when they first sign in. A login lasts
    `token_days`. `insecure_loopback` allows `http` to this very machine.
    """

    public_url: str | None = None
    issuer: str | None = None
    client_id: str = ""
    client_secret: str | None = field(default=None, repr=False)
    trusted_issuers: tuple[str, ...] = TRUSTED_ISSUERS
    first_admins: tuple[str, ...] = ()
    token_days: int = 30
    insecure_loopback: bool = False

    def __post_init__(self) -> None:
        for issuer in (*self.trusted_issuers, *([self.issuer] if self.issuer else [])):
            check_url(issuer, "an issuer", insecure_loopback=self.insecure_loopback)
        if self.public_url is not None:
            object.__setattr__(self, "public_url", self.public_url.rstrip("/"))
        if not 1 <= self.token_days <= LONGEST_DAYS:
            msg = f"a login lasts 1 to {LONGEST_DAYS} days, not {self.token_days}"
            raise Invalid(msg, field="token_days")
        if self.issuer is not None:
            self._check_people()

    def _check_people(self) -> None:
        if not self.client_id or self.public_url is None:
            msg = (
                "signing in by an identity provider takes its issuer, the client id that it gave "
                "and the public address of this server (MODELRY_OIDC_CLIENT_ID, MODELRY_PUBLIC_URL)"
            )
            raise Invalid(msg, field="client_id" if self.public_url else "public_url")
        what = "the public address of this server"
        check_url(self.public_url, what, insecure_loopback=self.insecure_loopback)

    @property
    def callback(self) -> str:
        """Where the identity provider sends people back to."""
        return f"{self.public_url}/auth/callback"
