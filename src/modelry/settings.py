"""What can be set from outside, and from where.

What a command is told goes before environment variables named `MODELRY_...`,
these before the file that `$MODELRY_CONFIG` names, that before `modelry.toml`
in the home folder, and that before the defaults.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ByteSize, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)
from pydantic_settings.sources import InitSettingsSource

from modelry.core.errors import Invalid
from modelry.settings_file import SettingsFile, settings_files


class FromFiles(BaseSettings):
    """Settings that come from files too, there with `TABLE` before their names."""

    TABLE: ClassVar[str] = ""

    model_config = SettingsConfigDict(
        env_prefix="MODELRY_", env_ignore_empty=True, frozen=True, protected_namespaces=()
    )

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - settings by name
        """Read the settings. Raises `Invalid` naming the place of a value that is none."""
        try:
            super().__init__(**given)
        except (ValidationError, SettingsError) as error:
            raise _refusal(type(self), error) from None  # the cause would print the value

    @classmethod
    def names(cls) -> Mapping[str, str]:
        """Answer for each name in a file the name of the setting."""
        return {f"{cls.TABLE}{key}": key for key in cls.model_fields}

    @classmethod
    def variable(cls, key: str) -> str | None:
        """Answer the variable that sets `key`, in any letter case, where it says something."""
        wanted = f"{cls.model_config.get('env_prefix', '')}{key}".lower()
        return next((name for name, value in os.environ.items()
                     if name.lower() == wanted and value), None)  # fmt: skip

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let files come after the environment."""
        del settings_cls, dotenv_settings, file_secret_settings
        files = [_of_file(cls, each) for each in settings_files(known_settings())]
        return (init_settings, env_settings, *files)


class Settings(FromFiles):
    """The settings of a process that uses a registry."""

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
    token: SecretStr | None = Field(
        default=None,
        description="The token for a server; without one what `modelry login` kept.",
    )
    cache_size: ByteSize | None = Field(
        default=None,
        description="Bytes that may stay of what was fetched from servers (10GB, 512MiB); what was "
        "used least recently goes first; all where nothing is set.",
    )


class ServerSettings(Settings):
    """The settings of a server, beside those of every process."""

    host: str = Field(default="127.0.0.1", description="The address to listen at.")
    port: int = Field(default=8000, ge=0, le=65535, description="The port; 0 takes a free one.")
    workers: int = Field(default=1, ge=1, le=64, description="Processes that answer requests.")
    sqlite: Literal["newest", "standard"] = Field(
        default="newest",
        description="Which SQLite is used: newest takes that of the package pysqlite3 where it is "
        "there and Python's own has the bug that forbids a write-ahead log; standard never.",
    )
    threads: int = Field(
        default=8,
        ge=1,
        le=256,
        description="Threads of a process that work for requests; fewer do more where nothing waits, "
        "more let long work (verify, export) keep others waiting less.",
    )
    hosts: list[str] = Field(
        default=[],
        description='Names that clients may call this server by, as JSON: ["models.example.com"]; '
        'without any the loopback names and the address it listens at, ["*"] for every name.',
    )
    origins: list[str] = Field(
        default=[],
        description="Web origins that may send changes, as JSON, beside the server's own.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.1",
        description="Addresses of proxies whose X-Forwarded-For and -Proto are believed, "
        "with commas between.",
    )
    public_url: str | None = Field(
        default=None,
        description="The address that people use, where a proxy stands before the server.",
    )
    max_body: int = Field(
        default=16 * 1024 * 1024,
        ge=1024,
        description="Bytes of the largest JSON document that is read.",
    )
    idle_seconds: float = Field(
        default=60,
        gt=0,
        description="Seconds without a byte after which an upload's connection is closed.",
    )
    upload_hours: float = Field(
        default=24, gt=0, description="Hours without a byte after which an upload is forgotten."
    )
    redirects: bool = Field(
        default=False,
        description="Whether downloads may be sent on to the object store by a presigned address.",
    )
    external_sources: list[str] = Field(
        default=[],
        description='Schemes of sources that a version may name without its bytes: ["s3"]; '
        "they are recorded and never opened.",
    )
    source_folders: list[Path] = Field(
        default=[],
        description="Folders of the server from which a request may name models by their path: "
        '["/srv/models"]; the bytes are copied in.',
    )
    mlflow_sources: list[str] = Field(
        default=["s3", "gs", "wasbs", "abfss", "hdfs", "dbfs", "runs", "models"],
        description="Schemes of sources that an MLflow client may name without their bytes, as "
        "JSON; they are recorded and never opened, and such versions are unsealed.",
    )
    mlflow_copied: list[str] = Field(
        default=[],
        description="Places in object stores from which models are copied and sealed when an MLflow "
        'client registers what lies there, as JSON: ["s3://bucket/models"]. Whoever may register '
        "may then read what lies there.",
    )
    only_admins_register: bool = Field(
        default=False, description="Whether registering takes the role admin."
    )
    open_metrics: bool = Field(
        default=True, description="Whether /metrics answers without a token."
    )
    log: Literal["json", "text", "off"] | None = Field(
        default=None,
        description="The form of the log on standard output: json, text or off; "
        "without it text on a terminal and json elsewhere.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="What is told: debug, info, warning or error."
    )
    log_paths: bool = Field(
        default=False, description="Whether the log names paths, and with them models."
    )
    checkpoints: str | None = Field(
        default=None,
        description="Where signed checkpoints of the log go: file:///folder or "
        "s3://bucket/prefix; none are taken without one.",
    )
    checkpoint_key: Path | None = Field(
        default=None,
        description="The file of the Ed25519 key that signs them; without one a key made in the "
        "home folder. Several machines need the same one.",
    )
    checkpoint_seconds: int = Field(
        default=3600, ge=60, description="Seconds between two checkpoints."
    )
    oidc_issuer: str | None = Field(
        default=None,
        description="The identity provider by which people sign in: https://login.example.com.",
    )
    oidc_client_id: str = Field(
        default="", description="The client id that the identity provider gave this server."
    )
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="Its secret, where the identity provider gave one."
    )
    oidc_trusted_issuers: list[str] = Field(
        default=["https://token.actions.githubusercontent.com", "https://gitlab.com"],
        description="Issuers of pipelines' tokens, as JSON; no other is ever contacted.",
    )
    oidc_first_admins: list[str] = Field(
        default=[],
        description="E-mail addresses or subjects that become admins when they first sign in, "
        "as JSON.",
    )
    oidc_token_days: int = Field(
        default=30, ge=1, le=366, description="Days for which signing in lasts."
    )
    oidc_insecure_loopback: bool = Field(
        default=False, description="Whether an identity provider on this machine may use http."
    )


class InferSettings(FromFiles):
    """The settings of an inference service; where the registry is, `Settings` say."""

    TABLE: ClassVar[str] = "infer."

    model_config = SettingsConfigDict(env_prefix="MODELRY_INFER_")

    host: str = Field(default="127.0.0.1", description="The address to listen at.")
    port: int = Field(default=8080, ge=0, le=65535, description="The port; 0 takes a free one.")
    token: SecretStr | None = Field(
        default=None,
        description="The token that callers must send as a bearer; none asks for none.",
    )
    poll_seconds: float = Field(
        default=1.0, ge=0.01, le=3600, description="Seconds between two looks at the registry."
    )
    threads: int = Field(
        default=0, ge=0, le=256, description="Threads that run the model; 0 for one per processor."
    )
    in_loop: bool = Field(
        default=False,
        description="Whether the model runs in the event loop instead of threads: half the latency "
        "for models of microseconds, and everybody waits for a slow one.",
    )
    model_threads: int = Field(
        default=1,
        ge=0,
        le=256,
        description="Threads of one run of the model; 0 for what its runtime takes.",
    )
    room: int = Field(
        default=256, ge=1, description="Requests that may be there at once; more are turned away."
    )
    max_body: int = Field(
        default=16 * 1024 * 1024, ge=1024, description="Bytes of the largest request that is read."
    )
    idle_seconds: float = Field(
        default=60, gt=0, description="Seconds without a byte after which a request is given up."
    )
    loader: str | None = Field(
        default=None, description="The loader to use; without one that which takes the format."
    )
    allow_code: list[str] = Field(
        default=[],
        description="Models whose files may run code when they are loaded (pickle, joblib, MLflow "
        'folders), by name, as JSON: ["credit-risk"].',
    )
    trusted_types: list[str] = Field(
        default=[],
        description="Types that a skops file may hold beside those skops trusts, as JSON.",
    )
    factory: str | None = Field(
        default=None,
        description="The function that makes the torch module which weights belong to: "
        "package.module:function.",
    )
    providers: list[str] = Field(
        default=["CPUExecutionProvider"],
        description="Execution providers of onnxruntime, best first, as JSON.",
    )
    target: str | None = Field(
        default=None,
        description="The name under which each version that is served is recorded as a deployment; "
        "without one none is.",
    )
    open_metrics: bool = Field(
        default=True, description="Whether /metrics answers without the token."
    )
    log: Literal["json", "text", "off"] | None = Field(
        default=None,
        description="The form of the log on standard output: json, text or off; "
        "without it text on a terminal and json elsewhere.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="What is told: debug, info, warning or error."
    )
    log_paths: bool = Field(default=False, description="Whether the log names paths.")


def known_settings() -> frozenset[str]:
    """Name every setting that a file may hold, as `settings_files` names them."""
    return frozenset(each for kind in (ServerSettings, InferSettings) for each in kind.names())


def _of_file(kind: type[FromFiles], file: SettingsFile) -> InitSettingsSource:
    """Answer what a file says about the settings of this kind; the others are of another kind."""
    said = {key: file.values[name] for name, key in kind.names().items() if name in file.values}
    return InitSettingsSource(kind, init_kwargs=said)


def _refusal(kind: type[FromFiles], error: ValidationError | SettingsError) -> Invalid:
    """Say which value is wrong and where it stands, and not what it is: it may be a secret."""
    if isinstance(error, SettingsError):
        key, why = str(error).partition('field "')[2].partition('"')[0], "this is no JSON"
    else:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        key, why = str(first["loc"][0]), str(first["msg"])
    name = f"{kind.TABLE}{key}"
    place = kind.variable(key)
    files = settings_files(known_settings()) if place is None else []
    said = next((each.place(name) for each in files if name in each.values), None)
    shown = place or (f"{said}: {name}" if said else name)
    msg = f"{shown}: {why[:1].lower()}{why[1:]} (docs/settings.md)"
    return Invalid(msg, setting=name)
