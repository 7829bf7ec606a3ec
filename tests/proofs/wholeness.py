"""Is a registry whole? Promises 1, 2, 3 and 5, asked of what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from modelry.core.model import Version
from modelry.core.registry import Registry
from modelry.core.repository import RegistryRepository
from modelry.core.verbs.world import World


def world_of(registry: RegistryRepository) -> World:
    """Answer the ports of an embedded registry."""
    assert isinstance(registry, Registry)
    return registry._world


def problems(registry: RegistryRepository, *, gapless: bool = True) -> list[str]:
    """Name everything that is not as promised: records, state, numbers, stages, blobs."""
    found = [f"{each.where} {each.what}" for each in registry.audit().problems]
    with world_of(registry).store.read() as view:
        for summary in view.models(None, "", 10_000):
            model = summary.model
            versions = list(view.every_version(model))
            found += _numbers(model.name, model.last_number, versions, gapless=gapless)
            pointers = {each.name: each.number for each in summary.pointers}
            if len(pointers) != len(summary.pointers):
                found.append(f"{model.name} has two pointers of one name")
            live = [each.number for each in versions if each.stage == "production"]
            if live != [n for n in [pointers.get("production")] if n is not None]:
                found.append(f"{model.name}: production is {pointers} and holds {live}")
            for version in versions:
                found += _blobs(registry, version)
    return found


def _numbers(name: str, last: int, versions: list[Version], *, gapless: bool) -> Iterator[str]:
    numbers = [each.number for each in versions]
    labels = {each.version.lower() for each in versions}
    if len(set(numbers)) < len(numbers) or len(labels) < len(numbers):
        yield f"{name} gave a number or a label out twice"
    if gapless and numbers != list(range(1, last + 1)):
        yield f"{name} has the numbers {numbers}, and the last was {last}"


def _blobs(registry: RegistryRepository, version: Version) -> Iterator[str]:
    if version.purged is None:
        for file in version.files:
            size = world_of(registry).blobs.size(file.sha256)
            if size != file.size:
                yield f"{version.ref} names {file.sha256}, which has {size} bytes"


def verify(registry: RegistryRepository) -> list[str]:
    """Read every byte and name what is damaged."""
    return [f"{each.where} {each.what}" for each in registry.verify().problems]


def leftovers(registry: RegistryRepository, home: Path) -> list[str]:
    """Name every blob that no version names, and every unfinished file."""
    with world_of(registry).store.read() as view:
        found = [
            f"blob {info.sha256}"
            for info in world_of(registry).blobs.scan()
            if not view.named([info.sha256])
        ]
    return found + [f"incoming {path.name}" for path in (home / "blobs" / "incoming").glob("*")]
