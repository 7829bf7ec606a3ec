"""What can be loaded, by what, and what is refused until the operator allows it by name."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from inference_site import MODEL, answering, promoted, scaled, written
from onnx import TensorProto, helper
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from modelry.core.errors import Denied, Invalid, RegistryError, Unsupported
from modelry.core.repository import RegistryRepository
from modelry.serving import Choices, InferenceService, Unfit
from modelry.serving.datatypes import Array, datatype_named
from modelry.wiring import connect

ROWS = np.array([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.8, 0.1]])
LABELS = np.array([0, 1, 0, 1])
BY_NAME = Choices(allow_code=frozenset({MODEL}))


class Trap:
    """A pickle that leaves a mark when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.mark,)


def raised(rows: Array) -> Array:
    """Answer rows that are one higher: a function that nobody trusts by itself."""
    return rows + 1


def _fitted() -> LogisticRegression:
    return LogisticRegression().fit(ROWS, LABELS)


def _refusal(registry: RegistryRepository, choices: Choices | None = None) -> RegistryError:
    with pytest.raises(RegistryError) as refused:
        InferenceService(MODEL, registry, choices=choices).start()
    return refused.value


def test_skops_files_are_loaded_where_every_type_in_them_is_trusted(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    import skops.io

    file = tmp_path / "model.skops"
    skops.io.dump(_fitted(), file)
    promoted(registry, file)
    with InferenceService(MODEL, registry, poll_seconds=0.02) as service:
        found = service.predict(ROWS)
        assert found.outputs["predict"].tolist() == [0, 1, 0, 1]
        assert found.outputs["predict_proba"].shape == (4, 2)
        assert service.predict(ROWS, ["predict"]).outputs.keys() == {"predict"}
        with answering(service) as caller:
            told = caller.get(f"/v2/models/{MODEL}").json
            assert told["inputs"] == [{"name": "input", "datatype": "FP64", "shape": [-1, 2]}]
            assert [each["datatype"] for each in told["outputs"]] == ["INT64", "FP64"]
            tensor = {"name": "input", "datatype": "FP64", "shape": [1, 2], "data": [0, 1]}
            answer = caller.infer({"inputs": [tensor], "outputs": [{"name": "predict"}]})
            assert answer.json["outputs"][0]["data"] == [0]


def test_skops_files_with_other_types_are_refused_by_their_names(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    import skops.io

    file = tmp_path / "model.skops"
    skops.io.dump(FunctionTransformer(raised).fit(ROWS), file)
    (name,) = skops.io.get_untrusted_types(file=file)
    promoted(registry, file)
    refused = _refusal(registry)
    assert isinstance(refused, Denied)
    assert f"--trust-type {name}" in refused.message
    trusting = Choices(trusted_types=(name,))
    with InferenceService(MODEL, registry, choices=trusting) as service:
        answered = service.predict(ROWS).outputs["transform"]
        assert np.allclose(answered, raised(ROWS))


@pytest.mark.parametrize(
    "dump", [joblib.dump, lambda one, file: file.write_bytes(pickle.dumps(one))]
)
def test_a_pickle_is_loaded_only_where_its_model_is_allowed_by_name(
    dump: Callable[[object, Path], object], registry: RegistryRepository, tmp_path: Path
) -> None:
    file = tmp_path / "model.pkl"
    dump(_fitted(), file)
    promoted(registry, file)
    for choices in (None, Choices(allow_code=frozenset({"another", "scale"}))):
        refused = _refusal(registry, choices)
        assert isinstance(refused, Denied)
        assert f"--allow-code {MODEL}" in refused.message
    with InferenceService(MODEL, registry, choices=BY_NAME) as service:
        assert service.predict(ROWS).outputs["predict"].tolist() == [0, 1, 0, 1]


def test_a_pickle_that_nobody_allowed_is_never_opened(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    mark, file = tmp_path / "mark", tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps(Trap(mark)))
    promoted(registry, scaled(tmp_path / "m.onnx", 1))
    with InferenceService(MODEL, registry, poll_seconds=0.02) as service:
        promoted(registry, file)
        assert service.follow_now()
        assert service.version.number == 1
        assert service.sight.refused is not None
        assert "loading it runs code" in service.sight.refused.reason
    assert isinstance(_refusal(registry, Choices(loader="torch")), RegistryError)
    assert not mark.exists()


def test_an_estimator_that_knows_its_columns_is_given_them(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    import pandas as pd

    frame = pd.DataFrame(ROWS, columns=["age", "income"])
    file = tmp_path / "model.joblib"
    joblib.dump(RandomForestClassifier(5, random_state=0).fit(frame, LABELS), file)
    promoted(registry, file)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with InferenceService(MODEL, registry, choices=BY_NAME) as service:
            assert service.predict(ROWS).outputs["predict"].tolist() == [0, 1, 0, 1]


def test_what_is_no_fitted_estimator_is_unfit(registry: RegistryRepository, tmp_path: Path) -> None:
    file = tmp_path / "model.pkl"
    for held, said in (({"a": 1}, "holds a dict"), (StandardScaler(), "how many numbers")):
        file.write_bytes(pickle.dumps(held))
        promoted(registry, file)
        refused = _refusal(registry, BY_NAME)
        assert (type(refused), said in refused.message) == (Unfit, True)


def doubling() -> Any:  # noqa: ANN401 - torch is imported inside
    """Make the module that weights belong to: the factory of these tests."""
    import torch

    module = torch.nn.Linear(2, 1, bias=False)
    module.serving_signature = ({"x": ("FP32", [-1, 2])}, {"y": ("FP32", [-1, 1])})  # type: ignore[assignment]  # an attribute of ours
    return module


def silent() -> Any:  # noqa: ANN401 - torch is imported inside
    """Make a module that says nothing of itself."""
    module = doubling()
    del module.serving_signature
    return module


FACTORY = Choices(factory="test_inference_loaders:doubling")


def _weights(place: Path) -> Mapping[str, Path]:
    import torch
    from safetensors.torch import save_file

    module = doubling()
    module.weight.data = torch.tensor([[2.0, 3.0]])
    save_file(module.state_dict(), place / "m.safetensors")
    torch.save(module.state_dict(), place / "m.pt")
    return {"safetensors": place / "m.safetensors", "torch": place / "m.pt"}


@pytest.mark.parametrize("kind", ["safetensors", "torch"])
def test_weights_are_loaded_into_the_module_that_the_operator_names(
    kind: str, registry: RegistryRepository, tmp_path: Path
) -> None:
    promoted(registry, _weights(tmp_path)[kind])
    assert "--factory" in _refusal(registry).message
    for factory, said in (
        ("nowhere:nothing", "cannot be imported"),
        ("test_inference_loaders:nothing", "cannot be imported"),
        ("json", "names no function"),
    ):
        refused = _refusal(registry, Choices(factory=factory))
        assert (type(refused), said in refused.message) == (Unsupported, True)
    with InferenceService(MODEL, registry, choices=FACTORY) as service:
        assert service.predict([[1, 1], [0, 2]]).outputs["y"].tolist() == [[5], [6]]
        with pytest.raises(Invalid, match="FP32"):
            service.predict(np.ones((1, 2)))


def test_a_file_of_torch_that_holds_more_than_tensors_is_refused(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    import torch

    mark, file = tmp_path / "mark", tmp_path / "m.pt"
    torch.save({"weight": Trap(mark)}, file)
    promoted(registry, file)
    assert isinstance(_refusal(registry, FACTORY), Unfit)
    assert not mark.exists()


def test_a_module_that_does_not_say_what_it_takes_is_unfit(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    promoted(registry, _weights(tmp_path)["torch"])
    refused = _refusal(registry, Choices(factory="test_inference_loaders:silent"))
    assert (type(refused), "serving_signature" in refused.message) == (Unfit, True)


def test_a_torchscript_program_has_no_loader(registry: RegistryRepository, tmp_path: Path) -> None:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.script(doubling())
        torch.jit.save(script, tmp_path / "m.pt")
    promoted(registry, tmp_path / "m.pt")
    refused = _refusal(registry)
    assert (type(refused), "(torchscript)" in refused.message) == (Unsupported, True)


def test_an_mlflow_folder_is_loaded_only_where_its_model_is_allowed_by_name(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    import mlflow
    from mlflow.models import infer_signature

    fitted = _fitted()
    signature = infer_signature(ROWS, fitted.predict(ROWS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(
            fitted, tmp_path / "m", signature=signature, serialization_format="cloudpickle",
            pip_requirements=[],
        )  # fmt: skip
        promoted(registry, tmp_path / "m")
        assert f"--allow-code {MODEL}" in _refusal(registry).message
        with InferenceService(MODEL, registry, choices=BY_NAME) as service:
            taken = service.take()
            (name,) = taken.inputs
            service.give_back(taken)  # else stopping waits for it
            found = service.predict({name: ROWS})
            assert next(iter(found.outputs.values())).tolist() == [0, 1, 0, 1]


def test_outputs_that_are_no_tensors_are_left_out_and_inputs_that_are_none_are_unfit(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    sequence = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    answered = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])
    wrap = helper.make_node("SequenceConstruct", ["x"], ["s"])
    same = helper.make_node("Identity", ["x"], ["y"])
    promoted(registry, written(tmp_path / "1.onnx", [wrap, same], [taken], [answered, sequence]))
    with InferenceService(MODEL, registry) as service:
        assert service.predict([1.0]).outputs.keys() == {"y"}
    promoted(registry, written(tmp_path / "2.onnx", [wrap], [taken], [sequence]))
    assert "answers no tensor" in _refusal(registry).message
    unwrap = helper.make_node("ConcatFromSequence", ["s"], ["y"], axis=0)
    promoted(registry, written(tmp_path / "3.onnx", [unwrap], [sequence], [answered]))
    assert "only tensors" in _refusal(registry).message


def test_a_folder_of_several_onnx_files_names_them(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        scaled(tmp_path / "folder" / f"{name}.onnx", 1)
    promoted(registry, tmp_path / "folder")
    assert "a.onnx, b.onnx" in _refusal(registry).message


def test_dtypes_that_the_protocol_lacks_are_refused_by_name() -> None:
    assert datatype_named("float32") == "FP32"
    for name in ("complex64", "bfloat16", "sequence<float32>"):
        with pytest.raises(Unsupported, match="no datatype"):
            datatype_named(name)


def test_a_registry_that_is_an_mlflow_server_is_served_from_too(tmp_path: Path) -> None:
    """Such a registry keeps no findings: the files say what they are."""
    with connect(f"mlflow:sqlite:///{tmp_path / 'mlflow.db'}") as registry:
        assert promoted(registry, scaled(tmp_path / "1.onnx", 1)) == 1
        with InferenceService(MODEL, registry, poll_seconds=0.05) as service:
            promoted(registry, scaled(tmp_path / "2.onnx", 2))
            assert service.follow_now()
            found = service.predict([[1, 2]])
            assert (found.version, found.outputs["y"].tolist()) == (2, [[2, 4]])
