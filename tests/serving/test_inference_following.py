"""What is in production answers; what cannot be served changes nothing for callers."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from inference_site import MODEL, Caller, Told, answering, promoted, row, scaled, written
from onnx import TensorProto, helper

from modelry.core.errors import Invalid, Unavailable, Unsupported
from modelry.core.model import Version
from modelry.core.repository import RegistryRepository
from modelry.serving import InferenceService, NoProductionModel, Unfit
from modelry.serving.datatypes import Array
from modelry.serving.following import FIRST_RETRY, Follower
from modelry.serving.http import HttpOptions
from modelry.serving.process import service_of
from modelry.serving.runners import Choices, Spec
from modelry.serving.standing import Loaded, Standing
from modelry.settings import InferSettings
from modelry.testing.examples import some_model, some_version


def test_without_a_version_in_production_the_service_does_not_start(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match=r"^No production model found in registry!$"):
        InferenceService("nothing", registry).start()
    registry.register(MODEL, scaled(tmp_path / "m.onnx", 1))
    with pytest.raises(NoProductionModel, match=r"^No production model found in registry!$"):
        InferenceService(MODEL, registry).start()
    with pytest.raises(NoProductionModel, match=r"^No staging model found in registry!$"):
        InferenceService(MODEL, registry, "staging").start()


def test_a_service_that_does_not_run_says_so(registry: RegistryRepository, tmp_path: Path) -> None:
    promoted(registry, scaled(tmp_path / "m.onnx", 1))
    service = InferenceService(MODEL, registry)
    with pytest.raises(Unavailable, match="start it first"):
        service.predict([[1, 2]])
    with answering(service) as caller:
        assert (caller.get("/v2/health/ready").status, caller.infer(row(1, 2)).status) == (503, 503)
        with service:
            assert caller.infer(row(1, 2)).status == 200
        assert caller.infer(row(1, 2)).status == 503


def test_a_registry_is_an_address_too(registry: RegistryRepository, tmp_path: Path) -> None:
    promoted(registry, scaled(tmp_path / "m.onnx", 2))
    with InferenceService(MODEL, f"sqlite:///{tmp_path / 'registry.db'}") as service:
        assert service.predict([[1, 2]]).outputs["y"].tolist() == [[2, 4]]


def test_predictions_in_this_process_take_arrays_and_lists_and_name_the_version(
    service: InferenceService,
) -> None:
    array = np.ones((3, 2), dtype=np.float32)
    for given in ({"x": array}, {"x": array.tolist()}, array, array.tolist()):
        found = service.predict(given)
        assert (found.version, found.model, found.outputs["y"].tolist()) == (
            1, MODEL, array.tolist(),
        )  # fmt: skip
    for wrong, said in (
        ({"z": array}, "no input 'z'"),
        ({}, "missing"),
        (np.ones((3, 2)), "FP64"),
        ([["a", "b"]], "cannot be made"),
    ):
        with pytest.raises(Invalid, match=said):
            service.predict(wrong)
    with pytest.raises(Invalid, match="no output 'q'"):
        service.predict(array, ["q"])


def test_a_promotion_and_a_rollback_are_followed_and_the_old_version_is_freed(
    service: InferenceService, registry: RegistryRepository, caller: Caller, tmp_path: Path
) -> None:
    standing = service._standing
    assert standing is not None
    first = standing.current
    promoted(registry, scaled(tmp_path / "two.onnx", 2))
    assert service.follow_now()
    assert caller.infer(row(1, 1)).json["outputs"][0]["data"] == [2, 2]
    assert standing.drain(10)
    assert first.runner._session is None  # type: ignore[attr-defined]  # onnx's
    registry.rollback(MODEL)
    assert service.follow_now()
    answer = caller.infer(row(1, 1))
    assert (answer.json["model_version"], answer.json["outputs"][0]["data"]) == ("1", [1, 1])


def test_an_alias_is_followed_as_a_stage_is(registry: RegistryRepository, tmp_path: Path) -> None:
    for factor in (1, 2):
        registry.register(MODEL, scaled(tmp_path / f"{factor}.onnx", factor))
    registry.alias(MODEL, "champion", "1")
    with InferenceService(MODEL, registry, "champion", poll_seconds=0.02) as service:
        registry.alias(MODEL, "champion", "2")
        assert service.follow_now()
        assert service.version.number == 2


def _text_file(place: Path) -> Path:
    place.write_text("no model at all", encoding="utf-8")
    return place


def _broken_graph(place: Path) -> Path:
    """A graph that reads well and that no runtime knows an operator of."""
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])
    answered = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])
    return written(place, [helper.make_node("Teleport", ["x"], ["y"])], [taken], [answered])


def _wrong_example(place: Path) -> Path:
    scaled(place / "model.onnx", 3)
    recorded = {"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [99, 99]}
    document = {**row(1, 2), "outputs": [recorded]}
    (place / "input_example.json").write_text(json.dumps(document), encoding="utf-8")
    return place


def _example_of_another(place: Path) -> Path:
    scaled(place / "model.onnx", 3)
    (place / "input_example.json").write_text(json.dumps(row(1, 2, 3)), encoding="utf-8")
    return place


def _takes_no_zeros(place: Path) -> Path:
    """A division that no integer zero survives at any size: a reshape to a fixed count."""
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    answered = helper.make_tensor_value_info("y", TensorProto.FLOAT, [5, 7])
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [5, 7])
    node = helper.make_node("Reshape", ["x", "shape"], ["y"])
    return written(place, [node], [taken], [answered], [shape])


BROKEN: Mapping[str, tuple[Callable[[Path], Path], str]] = {
    "text": (_text_file, "no installed loader takes"),
    "graph": (_broken_graph, "does not load by onnx"),
    "recorded": (_wrong_example, "does not answer its example as recorded"),
    "example": (_example_of_another, "does not fit its model"),
    "zeros": (_takes_no_zeros, "put an input_example.json"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_version_in_production_leaves_the_old_one_serving_and_is_told_once(
    kind: str, registry: RegistryRepository, tmp_path: Path
) -> None:
    make, said = BROKEN[kind]
    promoted(registry, scaled(tmp_path / "one.onnx", 1))
    told = Told()
    with (
        InferenceService(MODEL, registry, poll_seconds=0.02, alerts=told) as service,
        answering(service) as caller,
    ):
        place = tmp_path / "broken"
        promoted(registry, make(place))
        for _ in range(3):
            assert service.follow_now()
        assert caller.infer(row(1, 1)).json["model_version"] == "1"
        ((title, message),) = told.said
        assert title == f"{MODEL}:2 cannot be served"
        assert said in message
        assert message.endswith(f"{MODEL}:1 goes on serving.")
        state = caller.get(f"/v2/models/{MODEL}").json["state"]
        assert (state["in_production"], state["refused"]["version"]) == ("2", "2")
        assert state["refused"]["again_at"] - state["refused"]["at"] == FIRST_RETRY
        page = caller.get("/metrics").body.decode()
        assert f'modelry_serving_behind{{model="{MODEL}"}} 1.0' in page
        promoted(registry, scaled(tmp_path / "three.onnx", 3))
        assert service.follow_now()
        assert caller.infer(row(1, 1)).json["outputs"][0]["data"] == [3, 3]
        assert "refused" not in caller.get(f"/v2/models/{MODEL}").json["state"]


def test_a_version_that_was_refused_is_tried_again_later_and_ever_later() -> None:
    tried: list[int] = []

    def change(version: Version) -> None:
        tried.append(version.number)
        msg = "it is broken"
        raise Unfit(msg)

    model = some_model(MODEL)
    old, new = some_version(model, 1), some_version(model, 2)
    told = Told()
    follower = Follower(lambda: new, lambda: old, change, told, 1)
    for _ in range(3):
        follower.turn()
    assert (tried, len(told.said)) == ([2], 1)
    first = follower.sight.refused
    assert first is not None
    follower.sight = replace(follower.sight, refused=replace(first, again_at=0))
    follower.turn()
    second = follower.sight.refused
    assert second is not None
    assert (tried, second.tries) == ([2, 2], 2)
    assert second.again_at - second.at == 2 * FIRST_RETRY


def test_at_the_start_a_broken_version_is_the_refusal_itself(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    promoted(registry, _broken_graph(tmp_path / "m.onnx"))
    with pytest.raises(Unfit, match="does not load by onnx"):
        InferenceService(MODEL, registry).start()


def test_an_example_that_is_answered_as_recorded_is_served(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    place = _wrong_example(tmp_path / "folder")
    recorded = {"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [3, 6]}
    document = {**row(1, 2), "outputs": [recorded]}
    (place / "input_example.json").write_text(json.dumps(document), encoding="utf-8")
    promoted(registry, place)
    with InferenceService(MODEL, registry) as service:
        assert service.predict([[1, 2]]).outputs["y"].tolist() == [[3, 6]]


def test_an_example_in_a_form_of_somebody_else_is_left_alone(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    place = _wrong_example(tmp_path / "folder")
    (place / "input_example.json").write_text('{"columns": ["x"], "data": [[1]]}', encoding="utf-8")
    promoted(registry, place)
    with InferenceService(MODEL, registry) as service:
        assert service.version.number == 1


def test_nothing_in_production_any_more_goes_on_serving_and_is_told_once(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    number = promoted(registry, scaled(tmp_path / "m.onnx", 1))
    told = Told()
    with InferenceService(MODEL, registry, poll_seconds=0.02, alerts=told) as service:
        registry.archive(f"{MODEL}:{number}")
        assert service.follow_now()
        assert service.follow_now()
        assert service.predict([[1, 2]]).version == 1
        assert [title for title, _ in told.said] == [f"nothing is in production of {MODEL}"]
        assert service.sight.wanted is None


def test_an_alert_that_cannot_be_raised_changes_nothing(
    registry: RegistryRepository, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Mute:
        def notify(self, title: str, message: str) -> None:
            raise OSError(title, message)

    promoted(registry, scaled(tmp_path / "m.onnx", 1))
    with (
        caplog.at_level(logging.ERROR),
        InferenceService(MODEL, registry, poll_seconds=0.02, alerts=Mute()) as service,
    ):
        promoted(registry, _text_file(tmp_path / "m.txt"))
        assert service.follow_now()
        assert service.predict([[1, 2]]).version == 1
    assert "an alert could not be raised" in caplog.text


def test_what_serves_is_recorded_as_a_deployment_where_a_target_is_named(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    promoted(registry, scaled(tmp_path / "1.onnx", 1))
    with InferenceService(MODEL, registry, poll_seconds=0.02, target="eu-1") as service:
        promoted(registry, scaled(tmp_path / "2.onnx", 2))
        assert service.follow_now()
    found = registry.deployments(MODEL)
    assert [(each.number, each.target) for each in found] == [(2, "eu-1"), (1, "eu-1")]


class _Slow:
    """A runner that waits to be let go, and remembers whether it was closed."""

    platform = "slow"
    inputs: Sequence[Spec] = [Spec("x", "FP32", (-1, 2))]
    outputs: Sequence[Spec] = [Spec("y", "FP32", (-1, 2))]

    def __init__(self) -> None:
        self.go, self.begun, self.closed = threading.Event(), threading.Event(), False

    def run(self, feed: Mapping[str, Array], wanted: Sequence[str]) -> Sequence[Array]:
        self.begun.set()
        assert self.go.wait(30)
        assert not self.closed
        return [feed["x"] for _ in wanted]

    def close(self) -> None:
        self.closed = True


def _slow(service: InferenceService) -> tuple[Loaded, _Slow]:
    runner = _Slow()
    loaded = Loaded(service.version, runner, service._figures.of(MODEL, 7), 0.0)
    return loaded, runner


def test_a_request_keeps_the_version_that_it_began_with_and_the_last_one_frees_it(
    service: InferenceService,
) -> None:
    (first, runner), (second, _) = _slow(service), _slow(service)
    standing = Standing(first)
    taken = [standing.take(), standing.take()]
    standing.replace(second)
    assert standing.current is second
    assert taken == [first, first]
    assert standing.drain(0) is False
    standing.give_back(first)
    assert standing.drain(0) is False
    standing.give_back(first)
    assert runner.closed
    assert standing.drain(0) is True


def test_more_requests_than_there_is_room_for_are_turned_away_and_health_still_answers(
    service: InferenceService,
) -> None:
    standing = service._standing
    assert standing is not None
    loaded, runner = _slow(service)
    standing.replace(loaded)
    with answering(service, HttpOptions(threads=1, room=2)) as caller:
        port = caller.connection.port
        answers: list[int] = []

        def ask() -> None:
            other = Caller(port)
            answers.append(other.infer(row(1, 2)).status)
            other.close()

        waiting = [threading.Thread(target=ask) for _ in range(2)]
        for thread in waiting:
            thread.start()
        assert runner.begun.wait(30)
        while "in_flight 3.0" not in caller.get("/metrics").body.decode():
            assert all(thread.is_alive() for thread in waiting)
        refused = caller.infer(row(1, 2))
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert caller.get("/v2/health/live").status == 200
        runner.go.set()
        for thread in waiting:
            thread.join()
        assert answers == [200, 200]


def test_a_model_that_fails_answers_without_telling_what_it_was(
    service: InferenceService, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    standing = service._standing
    assert standing is not None
    loaded, runner = _slow(service)
    runner.go.set()
    runner.closed = True
    standing.replace(loaded)
    answer = caller.infer(row(1, 2))
    assert (answer.status, "the model failed" in answer.error) == (500, True)
    assert answer.headers["x-request-id"] in caplog.text


def test_a_loader_may_be_chosen_by_name(registry: RegistryRepository, tmp_path: Path) -> None:
    promoted(registry, scaled(tmp_path / "m.onnx", 1))
    with InferenceService(MODEL, registry, choices=Choices(loader="onnx")) as service:
        assert service.version.number == 1
    with pytest.raises(Unsupported, match="no installed adapter"):
        InferenceService(MODEL, registry, choices=Choices(loader="none")).start()


def test_a_caller_that_falls_silent_or_goes_away_keeps_no_room(service: InferenceService) -> None:
    head = f"POST /v2/models/{MODEL}/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    options = HttpOptions(threads=1, room=1, idle_seconds=0.2)
    with answering(service, options) as caller:
        for silent in (True, False):
            address = ("127.0.0.1", caller.connection.port)
            with socket.create_connection(address, timeout=30) as connection:
                connection.sendall(head.encode() + b'{"inputs"')
                said = connection.recv(65_536) if silent else b""
            assert (b"408" in said, b"did not come" in said) == (silent, silent)
            while caller.infer(row(1, 2)).status == 503:
                assert service.running
            assert caller.infer(row(1, 2)).status == 200


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise's mail
def test_alerts_of_the_command_go_where_the_environment_says(
    registry: RegistryRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[dict[str, str]] = []
    come = threading.Event()

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            come.set()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
            del format, args

    promoted(registry, scaled(tmp_path / "1.onnx", 1))
    with ThreadingHTTPServer(("127.0.0.1", 0), Webhook) as hook:
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        monkeypatch.setenv("MODELRY_ALERT_URLS", f"json://127.0.0.1:{hook.server_port}/")
        settings = InferSettings(poll_seconds=0.02)
        uri = f"sqlite:///{tmp_path / 'registry.db'}"
        with service_of(MODEL, "production", uri, settings) as service:
            promoted(registry, _text_file(tmp_path / "m.txt"))
            assert come.wait(30)
            assert service.version.number == 1
        hook.shutdown()
    assert heard[0]["title"] == f"{MODEL}:2 cannot be served"
