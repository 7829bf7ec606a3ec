"""Where a version comes from: what we hold is sealed, and what we do not hold is only named.

A source that is among our artefacts, or a version of ours, becomes the files
of the new version: what happens to the run's artefacts later does not change
it. A source elsewhere (`s3://...`, a run of another tracking server) is kept as
a text that this server never opens, where the settings allow its scheme; such
a version has no files and is told to be unsealed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

from modelry.core.draft import Draft, draft
from modelry.core.errors import Invalid, NotFound
from modelry.core.model import File, Version
from modelry.core.names import MAX_TEXT
from modelry.core.selection import name_for
from modelry.core.service import Service
from modelry.core.verbs.enlist import Parts
from modelry.server.dialects.mlflow import prompts, stages
from modelry.server.dialects.mlflow.asked import Asked
from modelry.server.dialects.mlflow.names import MODEL_ID, RUN_LINK, limited
from modelry.server.dialects.mlflow.refusals import Refusal, invalid

ARTIFACTS = "/mlflow-artifacts/artifacts"
SEALED = "/2.0/mlflow/sealed"
_OWN_HTTP = re.compile(r"https?://[^/?#]+(?P<path>/[^?#]*)")
_MODEL = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<part>[^/@]+)|@(?P<alias>[^/@]+))")
_LOGGED = re.compile(r"models:/(?P<id>m-[^/]+)/?")
_RUN = re.compile(r"runs:/(?P<id>[^/]+)(?:/(?P<path>.*))?", re.DOTALL)
_STEPS = 20
_LONGEST_ID = 250


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request wants to become a version."""

    source: str
    run_id: str
    model_id: str
    tags: Mapping[str, str]
    description: str


@dataclass(frozen=True, slots=True)
class _Held:
    """What a source turned out to be: files of ours, or none; and the version it comes from."""

    source: str
    files: tuple[File, ...] = ()
    run_id: str = ""
    model_id: str = ""
    origin: Version | None = None
    ours: frozenset[str] = field(default_factory=frozenset)


def wish_in(asked: Asked, tags: Mapping[str, str]) -> Wish:
    """Read what a request wants. Raises `Refusal` for a source that can never be one."""
    source = limited("source", asked.needed("source"), MAX_TEXT)
    run_id = limited("run_id", asked.text("run_id"), _LONGEST_ID)
    model_id = limited("model_id", asked.text("model_id"), _LONGEST_ID)
    if prompts.is_prompt(tags):
        prompts.check_source(source)
    else:
        _refuse_crooked(source)
    own = {RUN_LINK: asked.text("run_link"), MODEL_ID: model_id}
    kept = {**tags, **{key: value for key, value in own.items() if value}}
    return Wish(source, run_id, model_id, kept, asked.text("description"))


def _refuse_crooked(source: str) -> None:
    """Refuse a source that leads elsewhere than it says."""
    plain, last = source, ""
    for _ in range(_STEPS):
        if plain == last:
            break
        plain, last = unquote(plain), plain
    parts = re.split(r"[/\\]", plain)
    if plain != last or "\0" in plain or ".." in parts or "." in parts:
        msg = (
            f"Invalid model version source: '{source}'. If supplying a source as an http, https, "
            "local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be "
            "provided without relative path references present. Please provide an absolute path."
        )
        raise invalid(msg)


def seal(service: Service, asked: Asked, ref: str, wish: Wish) -> Version:
    """Make the version that a wish describes."""
    prompt = prompts.is_prompt(wish.tags)
    lying = None if prompt or asked.buckets is None else asked.buckets.open(wish.source)
    if lying is not None:
        held = _Held(wish.source, run_id=wish.run_id, model_id=wish.model_id)
        said = _draft(service, wish, held, wish.tags)
        return service.take_from(ref, lying, said, origin=wish.source)
    held = _Held(wish.source, run_id=wish.run_id) if prompt else _hold(service, asked, wish)
    tags = dict(wish.tags)
    if held.model_id:
        tags[MODEL_ID] = held.model_id
    said = _draft(service, wish, held, tags)
    parts = Parts("folder", held.files, held.source, held.ours)
    base = held.origin.ref if held.origin else None
    return service.enlist(ref, parts, said, base, known=True)


def _draft(service: Service, wish: Wish, held: _Held, tags: Mapping[str, str]) -> Draft:
    origin = held.origin
    said = draft(
        version=None,
        metrics=origin.metrics if origin else None,
        params=origin.params if origin else None,
        tags=tags,
        datasets=origin.datasets if origin else (),
        description=wish.description,
        run_id=held.run_id or None,
    )
    if origin is not None or not held.run_id:
        return said
    try:
        return service.with_run(said, held.run_id)
    except NotFound:
        return said  # a run of another tracking server: its id is kept as it was said


def _hold(service: Service, asked: Asked, wish: Wish) -> _Held:
    """Find out what a source is."""
    scheme = urlsplit(wish.source).scheme.lower()
    if scheme == "runs":
        return _of_run(service, asked, wish)
    if scheme == "models":
        logged = _LOGGED.fullmatch(wish.source)
        return _of_logged(service, asked, wish, logged["id"]) if logged else (
            _of_version(service, asked, wish))  # fmt: skip
    if scheme == "mlflow-artifacts":
        return _of_artifacts(service, wish, urlsplit(wish.source).path.lstrip("/"))
    if scheme in {"http", "https"}:
        return _of_http(service, asked, wish)
    if scheme in {"", "file"} or len(scheme) == 1:
        raise _local(wish.source)
    return _elsewhere(asked, wish, scheme)


def _of_run(service: Service, asked: Asked, wish: Wish) -> _Held:
    found = _RUN.fullmatch(wish.source)
    if found is None or found["id"] != wish.run_id:
        raise _unidentified(wish.source, "run_id")
    try:
        run = service.run(wish.run_id)
    except NotFound:
        return _elsewhere(asked, wish, "runs")
    path = (found["path"] or "").strip("/")
    files = service.stored_files(f"{run.artifact_root}/{path}".rstrip("/"))
    return _with(wish, files, run_id=run.id, model_id=wish.model_id)


def _of_logged(service: Service, asked: Asked, wish: Wish, model_id: str) -> _Held:
    if model_id != wish.model_id and wish.model_id:
        raise _unidentified(wish.source, "model_id")
    if not wish.model_id:
        raise _unidentified(wish.source, "model_id")
    try:
        model = service.logged_model(model_id)
    except NotFound:
        return _elsewhere(asked, wish, "models")
    files = service.stored_files(model.artifact_root)
    return _with(wish, files, run_id=wish.run_id or model.run_id or "", model_id=model_id)


def _of_version(service: Service, asked: Asked, wish: Wish) -> _Held:
    found = _MODEL.fullmatch(wish.source)
    if found is None:
        msg = f"Invalid model version source: '{wish.source}'."
        raise invalid(msg)
    try:
        origin = service.resolve(_selected(service, asked, found))
    except (NotFound, Invalid) as error:
        msg = f"Unable to fetch model from model URI source artifact location '{wish.source}'. {error}"
        raise invalid(msg) from error
    source = f"models:/{found['name']}/{origin.number}"
    run_id = wish.run_id or origin.run_id or ""
    model_id = wish.model_id or origin.tags.get(MODEL_ID, "")
    return _Held(source, origin.files, run_id, model_id, origin)


def _selected(service: Service, asked: Asked, found: re.Match[str]) -> str:
    """Answer our ref of `models:/name/version`, `models:/name/stage` or `models:/name@alias`."""
    name = f"{asked.project}/{name_for(found['name'])}"
    if found["alias"]:
        return f"{name}@{found['alias']}"
    part = found["part"]
    if part.isascii() and part.isdigit():
        return f"{name}:{part}"
    lifecycle = service.stages(asked.project)
    stage = stages.own(lifecycle, part)
    if stage is None:
        return f"{name}@{part}"
    latest = [each for each, _ in service.entry(name).latest if each.stage == stage]
    return f"{name}:{latest[0].number}" if latest else f"{name}@{part}"


def _of_http(service: Service, asked: Asked, wish: Wish) -> _Held:
    """Read an address of an artefact or of a sealed version; no other address is opened."""
    found = _OWN_HTTP.fullmatch(wish.source)
    path = unquote(found["path"]) if found else ""
    before, marker, rest = path.partition(ARTIFACTS)
    if not marker:
        msg = (
            f"Invalid model version source: '{wish.source}'. This server opens no address; log "
            "the model to a run of it, and register that"
        )
        raise invalid(msg)
    sealed = before.partition(f"{SEALED}/")[2].split("/")
    if len(sealed) == 2:  # noqa: PLR2004 - a name and a number
        source = f"models:/{sealed[0]}/{sealed[1]}"
        return _of_version(service, asked, replace(wish, source=source))
    return _of_artifacts(service, wish, rest.lstrip("/"))


def _of_artifacts(service: Service, wish: Wish, path: str) -> _Held:
    """Take artefacts that are below those of the run or the logged model that is named."""
    which = "model_id" if wish.model_id else "run_id"
    try:
        if wish.model_id:
            model = service.logged_model(wish.model_id)
            root, run_id = model.artifact_root, wish.run_id or model.run_id or ""
        elif wish.run_id:
            root, run_id = service.run(wish.run_id).artifact_root, wish.run_id
        else:
            raise _unidentified(wish.source, which)
    except NotFound as error:
        raise _unidentified(wish.source, which) from error
    if path != root and not path.startswith(f"{root}/"):
        raise _unidentified(wish.source, which)
    return _with(wish, service.stored_files(path), run_id=run_id, model_id=wish.model_id)


def _with(wish: Wish, files: tuple[File, ...], *, run_id: str, model_id: str) -> _Held:
    if not files:
        msg = (
            f"Invalid model version source: '{wish.source}'. There are no artifacts; log the "
            "model first"
        )
        raise invalid(msg)
    return _Held(wish.source, files, run_id, model_id,
                 ours=frozenset(each.sha256 for each in files))  # fmt: skip


def _elsewhere(asked: Asked, wish: Wish, scheme: str) -> _Held:
    """Keep where a source is, if the settings allow that."""
    if scheme not in asked.external:
        msg = (
            f"Invalid model version source: '{wish.source}'. This registry does not hold it, and "
            f"keeps no versions of which it has but the address ({scheme}:). Log the model to a "
            "run of this server, or let MODELRY_MLFLOW_SOURCES name the scheme"
        )
        raise invalid(msg)
    return _Held(wish.source, (), wish.run_id, wish.model_id)


def location(service: Service, asked: Asked, version: Version) -> str:
    """Answer where a client finds the bytes of a version."""
    for _ in range(_STEPS):
        if version.files:
            return f"{asked.base}/api{SEALED}/{version.name}/{version.number}{ARTIFACTS}"
        if version.base is None or not version.source.startswith("models:/"):
            return version.source
        try:
            version = service.resolve(version.base)
        except NotFound:
            return version.source
    return version.source


def _unidentified(source: str, which: str) -> Refusal:
    msg = (
        f"Invalid model version source: '{source}'. The {which} request parameter must identify "
        "the resource that contains the source."
    )
    return invalid(msg)


def _local(source: str) -> Refusal:
    msg = (
        f"Invalid model version source: '{source}'. To use a local path as a model version "
        "source, the run_id request parameter has to be specified and the local path has to be "
        "contained within the artifact directory of the run specified by the run_id."
    )
    return invalid(msg)
