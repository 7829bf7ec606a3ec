"""What MLflow's client once asked of MLflow's server, asked of ours: the answers have one shape."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from replaying import RECORDED, Difference, Replayer
from stock_site import Site, modelry_site

EXPLAINED = {
    r"\.user_id is more$": "who registered it is told; MLflow's server knows no users",
    r"POST mlflow/runs/create: \.run\.outputs is more$": "empty, as in every later answer",
    r"\.model_id is more$": "MLflow's server knows it, and leaves it out",
    r"\.model_versions\[\]\.aliases is more$": "a search tells aliases too; MLflow's lacks them",
    r"logged-models/<model \d>: \.model\.info\.tags has 3 items, not 4$": (
        "mlflow.modelVersions is set by the client; MLflow's server sets it before, and so twice"
    ),
    r"transition-stage: 400, not 500: .*is not an Active stage": (
        "a client's mistake, which its client would repeat for minutes after a 500"
    ),
    r"model-versions/create: 200, not 500: .*models:/m-0": (
        "a model of another tracking server is kept by its address, unsealed"
    ),
    r"Invalid clause\(s\) in filter string: '": "the clause is named whole, not its last word",
    r"Invalid order by key '\w+' specified\. Valid keys are .*, not .*Valid keys are": (
        "every key that is taken is named"
    ),
    r"Invalid value 1001 for parameter 'max_results'.*, not .*Invalid value \"1001\"": (
        "a number is shown as one, with what may be asked for"
    ),
    r"registered-models/rename: .* already exists\. there is a model .*, not .*autoflush": (
        "MLflow's server shows its statement of SQL"
    ),
    r"registered-models/delete: 409, not 200: .*@production names version \d": (
        "what is in production is not deleted; it is moved or archived first"
    ),
    r"GET mlflow/registered-models/get: 200, not 404: .*\"name\":\"a2\"": (
        "the model in production is still there"
    ),
    r"registered_models\[\]\.(description|tags) is more$": "of that model",
    r"mlflow/webhooks.*: 501, not ": "not delivered yet, and said so",
    r"mlflow-artifacts/mpu/create/.*: 200, not 501": "parts are received on a local disk too",
}
"""Where an answer of ours is another one than MLflow's, and why."""


@pytest.fixture(scope="module")
def differences(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Difference]]:
    """Replay everything, in its order, against an empty registry."""
    folder: Path = tmp_path_factory.mktemp("replayed")
    with modelry_site(folder, f"sqlite:///{folder}/registry.db") as site, _client(site) as client:
        replayer = Replayer(client, _ids_elsewhere())
        return {flow: list(replayer.flow(flow)) for flow in RECORDED}


def _client(site: Site) -> httpx.Client:
    headers = {"Authorization": f"Bearer {site.token}"}
    return httpx.Client(base_url=site.url, headers=headers, timeout=60)


def _ids_elsewhere() -> dict[str, str]:
    """Answer ids that no answer tells: of another tracking server, and of a webhook."""
    nothing = "0" * 32
    hook = "00000000-0000-0000-0000-000000000000"
    return {"<run 2>": nothing, "<model 2>": f"m-{nothing}", "<hook 1>": hook}


@pytest.mark.parametrize("flow", RECORDED)
def test_the_answers_have_the_shape_of_mlflow_s_but_for_what_is_explained(
    flow: str, differences: dict[str, list[Difference]]
) -> None:
    found = [str(each) for each in differences[flow]]
    assert [each for each in found if not list(_explanations(each))] == []


def test_every_explanation_is_needed(differences: dict[str, list[Difference]]) -> None:
    found = [str(each) for flow in differences.values() for each in flow]
    needed = {pattern for each in found for pattern in _explanations(each)}
    assert EXPLAINED.keys() - needed == set()


def _explanations(difference: str) -> Iterator[str]:
    return (pattern for pattern in EXPLAINED if re.search(pattern, difference))
