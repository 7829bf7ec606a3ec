"""The Open Inference Protocol v2 over HTTP, as an ASGI app around a running service."""

from modelry.serving.http.app import HttpOptions, asgi_app

__all__ = ["HttpOptions", "asgi_app"]
