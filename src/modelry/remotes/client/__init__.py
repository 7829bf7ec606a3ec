"""The registry of a modelry server, over HTTP (`http://...`, `https://...`)."""

from modelry.remotes.client.client import Client
from modelry.remotes.client.opening import PlainHttp, open_client

__all__ = ["Client", "PlainHttp", "open_client"]
