"""Opening a namespace of the Hub: `hf://namespace`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from modelry.core.errors import Invalid

if TYPE_CHECKING:
    from modelry.remotes.huggingface.registry import HubRegistry

_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", re.ASCII)


def open_hub(uri: str, *, home: Path, token: str | None = None) -> HubRegistry:
    """Open the models of a user or an organization; nothing is asked before the first verb.

    The server is the one of `HF_ENDPOINT`, else the Hub. Who one is there, the
    Hub's client knows (`HF_TOKEN`, or `hf auth login`); `token` is for modelry
    servers and is not sent.
    """
    del token
    namespace = uri.partition("://")[2].strip("/")
    if not _NAMESPACE.fullmatch(namespace):
        msg = f"{uri!r} is no namespace of the Hub; write hf://USER or hf://ORGANIZATION"
        raise Invalid(msg, field="uri")
    from modelry.remotes.huggingface.hub import HubApi
    from modelry.remotes.huggingface.registry import HubRegistry

    api = HubApi(os.environ.get("HF_ENDPOINT") or None, namespace, home / "hub")
    return HubRegistry(uri, home, api)
