"""Promise 9 through the Python client: an answer that is lost on its way costs no second effect."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import fault_proxy
import pytest
from fault_proxy import FaultProxy, started_proxy
from served_site import client_of, hurry, on_sqlite

from modelry.core.model import Version
from modelry.remotes.client.client import Client

pytestmark = pytest.mark.proof
NEVER = 1 << 62


class _Handler(fault_proxy._Handler):
    do_PATCH = fault_proxy._Handler._serve  # noqa: N815 - named by http.server


@dataclass
class Scene:
    """A client whose answers may be lost, one beside it that sees all, and new bytes."""

    proxy: FaultProxy
    client: Client
    witness: Client
    folder: Path
    turns: Iterator[int] = field(default_factory=itertools.count)

    def file(self) -> Path:
        path = self.folder / "model.bin"
        path.write_bytes(f"weights {next(self.turns)}".encode() * 1000)
        return path

    def version(self) -> Version:
        return self.witness.register("m", self.file())

    def events(self) -> int:
        return len(self.witness.log(limit=1000).items)


def prepare_register(scene: Scene) -> Callable[[], object]:
    path = scene.file()
    return lambda: scene.client.register("m", path)


def prepare_create_model(scene: Scene) -> Callable[[], object]:
    name = f"new-{next(scene.turns)}"
    return lambda: scene.client.create_model(name)


def prepare_promote(scene: Scene) -> Callable[[], object]:
    version = scene.version()
    return lambda: scene.client.promote(version.ref, "production")


def prepare_archive(scene: Scene) -> Callable[[], object]:
    version = scene.version()
    return lambda: scene.client.archive(version.ref)


def prepare_rollback(scene: Scene) -> Callable[[], object]:
    for _ in range(3):
        scene.witness.promote(scene.version().ref, "production")
    return lambda: scene.client.rollback("m")


def prepare_alias(scene: Scene) -> Callable[[], object]:
    version = scene.version()
    return lambda: scene.client.alias("m", "champion", version.ref)


def prepare_remove_alias(scene: Scene) -> Callable[[], object]:
    scene.witness.alias("m", "rival", scene.version().ref)
    return lambda: scene.client.remove_alias("m", "rival")


def prepare_tag(scene: Scene) -> Callable[[], object]:
    version, value = scene.version(), f"{next(scene.turns)}"
    return lambda: scene.client.tag(version.ref, {"turn": value})


def prepare_describe(scene: Scene) -> Callable[[], object]:
    text = f"words {next(scene.turns)}"
    return lambda: scene.client.describe("m", text)


def prepare_delete(scene: Scene) -> Callable[[], object]:
    version = scene.version()
    return lambda: scene.client.delete(version.ref)


def prepare_purge(scene: Scene) -> Callable[[], object]:
    version = scene.version()
    scene.witness.delete(version.ref)
    return lambda: scene.client.purge(version.ref)


DEEDS = [
    prepare_register,
    prepare_create_model,
    prepare_promote,
    prepare_archive,
    prepare_rollback,
    prepare_alias,
    prepare_remove_alias,
    prepare_tag,
    prepare_describe,
    prepare_delete,
    prepare_purge,
]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("lost")
    with (
        on_sqlite(folder).serve() as server,
        started_proxy(server.url) as proxy,
        client_of(proxy.endpoint, server.token, folder / "one") as client,
        client_of(server.url, server.token, folder / "two") as witness,
    ):
        proxy.RequestHandlerClass = _Handler
        client.models()  # so that the server has been met
        made = Scene(proxy, client, witness, folder)
        made.version()
        yield made


@pytest.mark.parametrize("fault", ["lost", "truncated", "reset", "503"])
@pytest.mark.parametrize("prepare", DEEDS)
def test_a_change_whose_answer_is_lost_on_its_way_has_one_effect(
    scene: Scene,
    prepare: Callable[[Scene], Callable[[], object]],
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hurry(monkeypatch)
    deed = prepare(scene)
    with scene.proxy.failing(fault, NEVER) as plan:
        deed()
    assert plan.seen
    for at in range(1, plan.seen + 1):
        deed = prepare(scene)
        before = scene.events()
        with scene.proxy.failing(fault, at) as failing:
            deed()
        assert failing.met == 1
        assert scene.events() == before + 1, f"request {at}"
