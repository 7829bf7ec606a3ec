"""Prompts: registered models with MLflow's tags."""

from __future__ import annotations

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from stock_site import fresh

pytestmark = pytest.mark.usefixtures("experiment")


@pytest.fixture
def prompt() -> str:
    name = fresh("prompt")
    genai = mlflow.genai
    genai.register_prompt(name, "Sum up: {{text}}", commit_message="first", tags={"team": "nlp"})
    genai.register_prompt(name, "Sum up briefly: {{text}}", commit_message="second")
    return name


def test_a_prompt_is_loaded_by_number_alias_and_as_the_latest(prompt: str) -> None:
    genai = mlflow.genai
    genai.set_prompt_alias(prompt, "live", 1)
    assert genai.load_prompt(prompt, version=2).template == "Sum up briefly: {{text}}"
    assert genai.load_prompt(f"prompts:/{prompt}@live").template == "Sum up: {{text}}"
    assert genai.load_prompt(f"prompts:/{prompt}@latest").version == 2
    assert genai.load_prompt(prompt, version=1).format(text="this") == "Sum up: this"


def test_prompts_and_models_are_not_found_in_place_of_one_another(
    prompt: str, stock: MlflowClient
) -> None:
    assert prompt in {each.name for each in mlflow.genai.search_prompts(f"name = '{prompt}'")}
    assert stock.search_registered_models(f"name = '{prompt}'") == []
    model = fresh("model")
    stock.create_registered_model(model)
    assert list(mlflow.genai.search_prompts(f"name = '{model}'")) == []
    with pytest.raises(MlflowException, match="exists with the same name"):
        mlflow.genai.register_prompt(model, "no")


def test_a_prompt_of_several_messages_keeps_them() -> None:
    name = fresh("chat")
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "{{question}}"}]
    mlflow.genai.register_prompt(name, said)
    assert mlflow.genai.load_prompt(name, version=1).template == said


def test_a_long_prompt_keeps_every_word() -> None:
    name = fresh("long")
    text = "Remember this. " * 1500
    mlflow.genai.register_prompt(name, text + "{{text}}")
    assert mlflow.genai.load_prompt(name, version=1).template == text + "{{text}}"


def test_tags_and_versions_of_a_prompt_are_set_and_found(prompt: str, stock: MlflowClient) -> None:
    stock.set_prompt_tag(prompt, "owner", "amy")
    stock.set_prompt_version_tag(prompt, "1", "checked", "yes")
    assert stock.get_prompt(prompt).tags["owner"] == "amy"
    assert stock.get_prompt_version(prompt, "1").tags["checked"] == "yes"
    assert [each.version for each in stock.search_prompt_versions(prompt)] == [2, 1]
    stock.delete_prompt_version(prompt, "1")
    stock.delete_prompt_version(prompt, "2")
    stock.delete_prompt(prompt)
    assert stock.get_prompt(prompt) is None
