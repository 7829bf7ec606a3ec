"""What can be set from outside, and from where: environment variables named `MODELRY_...`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of a process that uses a registry."""

    model_config = SettingsConfigDict(env_prefix="MODELRY_", env_ignore_empty=True, frozen=True)

    home: Path = Field(
        default=Path("~/.modelry"),
        description="The folder of the embedded registry: its database, its blobs, its cache.",
    )
    uri: str | None = Field(
        default=None,
        description="The registry to use, for example sqlite:///registry.db; "
        "without one the embedded registry in the home folder.",
    )
    blobs: str | None = Field(
        default=None,
        description="Where blobs are kept, for example file:///srv/blobs; "
        "without one beside the embedded database.",
    )
