"""The Open Inference Protocol v2: what is answered, and what is wrong with a request."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from inference_site import MODEL, Caller, answering, promoted, row, written
from onnx import TensorProto, helper

from modelry.core import errors
from modelry.core.errors import RegistryError
from modelry.core.repository import RegistryRepository
from modelry.serving import InferenceService
from modelry.serving.http import HttpOptions
from modelry.serving.http.replies import STATUS

NUMBERS = {
    "UINT8": TensorProto.UINT8, "UINT16": TensorProto.UINT16, "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64, "INT8": TensorProto.INT8, "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32, "INT64": TensorProto.INT64, "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT, "FP64": TensorProto.DOUBLE,
}  # fmt: skip
DATATYPES = {"BOOL": TensorProto.BOOL, **NUMBERS, "BYTES": TensorProto.STRING}


def test_an_answer_names_the_model_the_version_the_request_and_how_long_it_took(
    caller: Caller,
) -> None:
    answer = caller.infer(row(3, 4, id="mine"))
    assert answer.status == 200
    assert answer.json == {
        "model_name": MODEL,
        "model_version": "1",
        "id": "mine",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [3, 4]}],
    }
    assert answer.headers["x-model-version"] == "1"
    assert re.fullmatch(
        r"model;dur=\d+\.\d{3}, total;dur=\d+\.\d{3}", answer.headers["server-timing"]
    )
    assert len(answer.headers["x-request-id"]) == 32


def test_nested_data_are_read_by_the_shape_as_flat_data_are(caller: Caller) -> None:
    tensor = {"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [[1, 2], [3, 4]]}
    assert caller.infer({"inputs": [tensor]}).json["outputs"][0]["data"] == [1, 2, 3, 4]


def test_the_server_the_model_and_its_versions_describe_themselves(caller: Caller) -> None:
    assert caller.get("/v2").json["extensions"] == ["binary_tensor_data"]
    assert caller.get("/v2/health/live").json == {"live": True}
    assert caller.get("/v2/health/ready").json == {"ready": True, "registry": "reachable"}
    assert caller.get("/v2/models").json == {"models": [MODEL]}
    for place in (f"/v2/models/{MODEL}", f"/v2/models/{MODEL}/versions/1"):
        told = caller.get(place).json
        assert (told["name"], told["versions"], told["platform"]) == (MODEL, ["1"], "onnx_onnxv1")
        assert told["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]
        assert told["outputs"] == [{"name": "y", "datatype": "FP32", "shape": [-1, 2]}]
        assert told["state"]["in_production"] == "1"
        assert caller.get(f"{place}/ready").json == {"name": MODEL, "ready": True}
    versioned = f"/v2/models/{MODEL}/versions/1/infer"
    assert caller.ask("POST", versioned, json.dumps(row(1, 2)).encode()).status == 200


def test_a_model_of_another_project_is_reached_by_its_whole_name(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    from inference_site import scaled

    registry.create_project("risk")
    promoted(registry, scaled(tmp_path / "m.onnx", 5), model="risk/score")
    with InferenceService("risk/score", registry) as service, answering(service) as caller:
        assert caller.infer(row(1, 1), model="risk/score").json["outputs"][0]["data"] == [5, 5]
        assert caller.infer(row(1, 1), model="risk%2Fscore").json["model_name"] == "risk/score"
        assert "answers for risk/score" in caller.infer(row(1, 1), model="score").error


@pytest.fixture(scope="module")
def every_datatype(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that answers its inputs, one of each datatype."""
    taken = [helper.make_tensor_value_info(f"in_{name}", kind, ["n"])
             for name, kind in DATATYPES.items()]  # fmt: skip
    answered = [helper.make_tensor_value_info(f"out_{name}", kind, ["n"])
                for name, kind in DATATYPES.items()]  # fmt: skip
    nodes = [helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]) for name in DATATYPES]
    return written(tmp_path_factory.mktemp("all") / "m.onnx", nodes, taken, answered)


def _data(name: str) -> list[object]:
    others: dict[str, list[object]] = {"BOOL": [True, False], "BYTES": ["a", "b\u00fc"]}
    return others.get(name, [1, 100])


def test_every_datatype_goes_in_and_out_as_json_and_as_binary(
    registry: RegistryRepository, every_datatype: Path
) -> None:
    promoted(registry, every_datatype)
    inputs = [{"name": f"in_{name}", "datatype": name, "shape": [2], "data": _data(name)}
              for name in DATATYPES]  # fmt: skip
    with InferenceService(MODEL, registry) as service, answering(service) as caller:
        answer = caller.infer({"inputs": inputs})
        assert answer.status == 200, answer.body
        assert [each["data"] for each in answer.json["outputs"]] == [*map(_data, DATATYPES)]
        assert [each["datatype"] for each in answer.json["outputs"]] == [*DATATYPES]

        binary = {"inputs": inputs, "parameters": {"binary_data_output": True}}
        first = caller.infer(binary)
        length = int(first.headers["inference-header-content-length"])
        tensors, tail = json.loads(first.body[:length])["outputs"], first.body[length:]
        again = [{**tensor, "name": tensor["name"].replace("out", "in")} for tensor in tensors]
        head = json.dumps({"inputs": again}).encode()
        back = caller.infer(head + tail, Inference_Header_Content_Length=str(len(head)))
        assert back.json["outputs"] == answer.json["outputs"]


def test_binary_answers_hold_what_json_cannot_say(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    kind = TensorProto.FLOAT
    taken = helper.make_tensor_value_info("x", kind, ["n"])
    answered = helper.make_tensor_value_info("y", kind, ["n"])
    node = helper.make_node("Log", ["x"], ["y"])
    promoted(registry, written(tmp_path / "m.onnx", [node], [taken], [answered]))
    tensor = {"name": "x", "datatype": "FP32", "shape": [2], "data": [-1, 0]}
    wanted = [{"name": "y", "parameters": {"binary_data": True}}]
    with InferenceService(MODEL, registry) as service, answering(service) as caller:
        assert caller.infer({"inputs": [tensor]}).json["outputs"][0]["data"] == [None, None]
        answer = caller.infer({"inputs": [tensor], "outputs": wanted})
        length = int(answer.headers["inference-header-content-length"])
        assert json.loads(answer.body[:length])["outputs"][0]["parameters"] == {
            "binary_data_size": 8
        }
        nan, infinity = struct.unpack("<2f", answer.body[length:])
        assert (np.isnan(nan), infinity) == (True, -np.inf)


def _with(**changes: object) -> dict[str, object]:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2], **changes}
    return {"inputs": [{name: value for name, value in tensor.items() if value is not None}]}


WRONG = [
    (b"", "truncated"),
    (b"[]", "Expected `object`"),
    (b'{"inputs": [', "truncated"),
    (b"\xff\xfe", "malformed"),
    (b'{"inputs":' + b"[" * 100_000, "no inference request"),
    ({}, "required field `inputs`"),
    ({"inputs": []}, "input 'x' is missing; the model takes 'x' (FP32 [-1, 2])"),
    ({"inputs": 3}, "Expected `array`"),
    (_with(name="z"), "no input 'z'; it takes 'x' (FP32 [-1, 2])"),
    ({"inputs": [_with()["inputs"][0]] * 2}, "'x' stands there more than once"),  # type: ignore[index]  # a list
    (_with(datatype="FP64"), "'x' is FP64 [1, 2]; the model takes FP32 [-1, 2]"),
    (_with(datatype="BF16"), "no datatype 'BF16'"),
    (_with(shape=[1, 3], data=[1, 2, 3]), "'x' is FP32 [1, 3]; the model takes FP32 [-1, 2]"),
    (_with(shape=[2]), "'x' is FP32 [2]"),
    (_with(shape=[-1, 2]), "a shape that no tensor has"),
    (_with(shape=[10**30, 2]), "a shape that no tensor has"),
    (_with(shape=[1.5, 2]), "Expected `int`"),
    (_with(shape=[1] * 100), "a shape that no tensor has"),
    (_with(shape=[2, 2]), "has 2 elements; its shape [2, 2] holds 4"),
    (_with(data=None), "'x' has no data"),
    (_with(data=[1, "2"]), "does not hold FP32"),
    (_with(data=[1, True]), "does not hold FP32"),
    (_with(data=[1, None]), "does not hold FP32"),
    (_with(data={"a": 1}), "does not hold FP32"),
    (_with(data=[[1], [2]]), "nested lists of 'x' are not of its shape"),
    (_with(data=[[1, [2]]]), "does not hold FP32"),
    (_with(data=[1, 1e39]), "too large for FP32"),
    (b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,NaN]}]}', "malformed"),
    (b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,1e999]}]}', "out of range"),
    (_with(parameters={"binary_data_size": 8}), "has data and binary_data_size"),
    (_with(data=None, parameters={"binary_data_size": 8}), "should have 8 bytes; only 0 came"),
    (_with(data=None, parameters={"binary_data_size": -1}), "must be a number of bytes"),
    (_with(data=None, parameters={"binary_data_size": True}), "must be a number of bytes"),
    ({**_with(), "outputs": [{"name": "q"}]}, "no output 'q'; it answers 'y'"),
    ({**_with(), "outputs": [{"name": "y"}, {"name": "y"}]}, "gives each output once"),
    ({**_with(), "parameters": {"binary_data_output": "yes"}}, "must be true or false"),
    ({**_with(), "id": 7}, "Expected `str"),
]  # fmt: skip


def test_what_is_wrong_with_a_request_is_named_and_is_no_fault_of_the_service(
    caller: Caller,
) -> None:
    for document, said in WRONG:
        answer = caller.infer(document)
        assert answer.status == 400, (document, answer.body)
        assert said in answer.error
        assert answer.headers["x-model-version"] == "1"
    assert caller.infer(row(1, 2)).status == 200


def test_binary_lengths_that_lie_are_refused(caller: Caller) -> None:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 2]}
    for size, tail, said in (
        (8, b"1234567", "only 7 came"),
        (7, b"1234567", "takes 8"),
        (8, b"123456789", "1 bytes follow"),
    ):
        head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": size}}]})
        length = str(len(head))
        answer = caller.infer(head.encode() + tail, Inference_Header_Content_Length=length)
        assert (answer.status, said in answer.error) == (400, True), answer.body
    for length in ("999999", "x", "-1", "9" * 30):
        answer = caller.infer(row(1, 2), Inference_Header_Content_Length=length)
        assert answer.status == 400
        assert "Inference-Header-Content-Length" in answer.error


def test_values_that_the_model_refuses_are_the_fault_of_the_request(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    taken = helper.make_tensor_value_info("i", TensorProto.INT64, ["n"])
    answered = helper.make_tensor_value_info("y", TensorProto.INT64, ["n"])
    table = helper.make_tensor("table", TensorProto.INT64, [2], [7, 8])
    node = helper.make_node("Gather", ["table", "i"], ["y"])
    promoted(registry, written(tmp_path / "m.onnx", [node], [taken], [answered], [table]))
    with InferenceService(MODEL, registry) as service, answering(service) as caller:
        for number, status in ((1, 200), (9, 400)):
            tensor = {"name": "i", "datatype": "INT64", "shape": [1], "data": [number]}
            answer = caller.infer({"inputs": [tensor]})
            assert answer.status == status
        assert "the model refuses these inputs" in answer.error


def test_doors_that_are_not_there_and_methods_that_do_not_go_are_told(caller: Caller) -> None:
    for path in ("/", "/v1/models", "/v2/models/", "/v2/models/other", "/v2/models/../../x",
                 f"/v2/models/{MODEL}/versions/2", f"/v2/models/{MODEL}/versions/x/ready",
                 f"/v2/models/{MODEL}/nothing", "/v2/%00", "/v2/models/%ff%fe"):  # fmt: skip
        answer = caller.get(path)
        assert (answer.status, bool(answer.error)) == (404, True), path
    assert caller.infer(row(1, 2), model="other").status == 404
    for method, path in (("GET", f"/v2/models/{MODEL}/infer"), ("POST", f"/v2/models/{MODEL}"),
                         ("DELETE", "/v2/health/live"), ("PUT", "/metrics"), ("PATCH", "/v2")):  # fmt: skip
        answer = caller.ask(method, path)
        assert (answer.status, "takes" in answer.error) == (405, True)
        assert answer.headers["allow"] in {"GET", "POST"}


def test_what_is_too_large_or_compressed_is_refused_before_it_is_read(
    service: InferenceService,
) -> None:
    with answering(service, HttpOptions(threads=1, max_body=2000)) as caller:
        answer = caller.infer(b"x" * 2001)
        assert (answer.status, "more than 2000 bytes" in answer.error) == (413, True)
    with answering(service) as caller:
        answer = caller.infer(row(1, 2), Content_Encoding="gzip")
        assert (answer.status, "compressed" in answer.error) == (415, True)


def test_a_token_is_asked_for_where_one_is_set_but_for_health(service: InferenceService) -> None:
    options = HttpOptions(token="s3cret", threads=1, open_metrics=False)  # noqa: S106 - made up
    with answering(service, options) as caller:
        assert caller.get("/v2/health/ready").status == 200
        for path in (f"/v2/models/{MODEL}", "/metrics", "/v2"):
            assert caller.get(path).status == 401
            assert caller.get(path, Authorization="Bearer s3cret").status == 200
        refused = caller.infer(row(1, 2), Authorization="Bearer other")
        assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert caller.infer(row(1, 2), Authorization="Bearer s3cret").status == 200


def test_figures_tell_answers_refusals_and_the_version(caller: Caller) -> None:
    caller.infer(row(1, 2))
    caller.infer(b"nothing")
    told = caller.get("/metrics").body.decode()
    labels = f'{{model="{MODEL}",outcome="%s",version="1"}}'
    assert f"modelry_inference_requests_total{labels % 'answered'} " in told
    assert f"modelry_inference_requests_total{labels % 'refused'} " in told
    assert f'modelry_serving_version{{model="{MODEL}"}} 1.0' in told
    assert f'modelry_serving_registry_reachable{{model="{MODEL}"}} 1.0' in told
    assert 'route="/v2/models/{model}/infer",status="2xx"' in told


def test_every_refusal_has_a_status_of_the_protocol() -> None:
    kinds = {kind for kind in vars(errors).values()
             if isinstance(kind, type) and issubclass(kind, RegistryError)}  # fmt: skip
    assert set(STATUS) == kinds - {RegistryError}
