"""What a person types first: `import modelry` and the short forms."""

import subprocess
import sys
from pathlib import Path

import pytest

import modelry
from modelry.core.errors import Invalid, NotFound, Unsupported
from modelry.core.registry import Registry


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MODELRY_URI", raising=False)
    return tmp_path / "home"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.bin"
    path.write_text("weights")
    return path


def test_the_embedded_registry_needs_nothing_but_its_home(home: Path, model: Path) -> None:
    registry = modelry.connect()
    registry.register("m", model)
    assert sorted(each.name for each in home.iterdir()) == [
        "blobs",
        "registry.db",
        "registry.db.lock",
    ]
    assert modelry.connect().use("m").read_text() == "weights"
    assert (home / "use").is_dir()


def test_s2_11_s2_17_a_model_is_registered_with_its_metrics_and_said_to_be(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    version = modelry.register_model("fraud", "1.0.0", model, {"auc": 0.9})
    assert capsys.readouterr().out == "Model fraud v1.0.0 registered successfully\n"
    assert (version.number, version.metrics) == (1, {"auc": 0.9})
    assert modelry.get_model("fraud") == modelry.get_model("fraud", "1.0.0") == version
    assert modelry.get_model("fraud", 1) == version


def test_s4_20_models_are_logged_and_used_in_one_line(model: Path) -> None:
    uri = modelry.log_model(str(model), "fraud", version="2.0", tags=["gpu"], description="text")
    assert uri == "models:/fraud/1"
    model.write_text("other weights")
    modelry.log_model(model, "fraud")
    path = modelry.use_model("fraud")
    assert isinstance(path, str)
    assert Path(path).read_text() == "other weights"
    assert Path(modelry.use_model("fraud", version="2.0")).read_text() == "weights"
    modelry.connect().promote("fraud:2.0", "production")
    assert Path(modelry.use_model("fraud")).read_text() == "weights"
    assert modelry.use_model("fraud", stage="Production") == modelry.use_model("fraud")
    with pytest.raises(Invalid, match="not both"):
        modelry.use_model("fraud", stage="production", version="1")
    with pytest.raises(NotFound):
        modelry.use_model("fraud", stage="staging")


def test_a_uri_names_another_registry_with_its_blobs_beside_it(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    uri = f"sqlite:///{tmp_path}/a b%/team.db"
    modelry.connect(uri).register("m", model)
    assert (tmp_path / "a b%" / "blobs").is_dir()
    assert not home.exists()
    monkeypatch.setenv("MODELRY_URI", uri)
    assert modelry.connect().resolve("m").number == 1
    monkeypatch.setenv("MODELRY_BLOBS", (tmp_path / "elsewhere").as_uri())
    model.write_text("b")
    modelry.connect().register("m", model)
    assert (tmp_path / "elsewhere" / "sha256").is_dir()


def test_a_relative_uri_is_below_the_working_folder(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    modelry.connect("sqlite:///here.db").register("m", model)
    assert (tmp_path / "here.db").is_file()


def test_a_registry_in_memory_ends_with_its_process(model: Path) -> None:
    registry = modelry.connect("memory:")
    registry.register("m", model)
    assert registry.use("m").read_text() == "weights"
    assert not modelry.connect("memory:").models()


@pytest.mark.parametrize("uri", ["nonsense", "/some/path", "ftp://host", "registry.db", ""])
def test_what_is_no_address_of_a_registry_is_refused(uri: str) -> None:
    if not uri:
        assert isinstance(modelry.connect(uri), Registry)
        return
    with pytest.raises(Unsupported, match="sqlite"):
        modelry.connect(uri)


def test_the_public_names_are_there_and_no_others() -> None:
    for name in modelry.__all__:
        assert getattr(modelry, name)
    with pytest.raises(AttributeError, match="nonsense"):
        modelry.nonsense  # noqa: B018 - asked for on purpose


def test_importing_modelry_imports_nothing_heavy() -> None:
    heavy = "sqlalchemy, pydantic, rich, typer, yaml, sqlite3, modelry.core"
    code = f"import sys, modelry; print([m for m in '{heavy}'.split(', ') if m in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
