"""Signing in: people by OpenID Connect, pipelines by the identity token of their job."""

from modelry.server.signin.options import SignIn
from modelry.server.signin.routes import signin_routes

__all__ = ["SignIn", "signin_routes"]
