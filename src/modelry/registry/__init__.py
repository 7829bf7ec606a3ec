"""The registry package: one way to save, register, promote and load, over three kinds of registry.

saver = saver_of({"KIND": "ModelrySaver"})
register = register_of({"KIND": "ModelryRegister", "tags": {"team": "risk"}})
version = register.register("churn", saver.save("model/").model_uri)
"""

from modelry.registry.entities import ModelInfo, ModelVersion
from modelry.registry.hub import HuggingFaceLoader, HuggingFaceRegister, HuggingFaceSaver
from modelry.registry.kinds import loader_of, register_of, saver_of
from modelry.registry.mlflow import MlflowLoader, MlflowRegister, MlflowSaver
from modelry.registry.ours import ModelryLoader, ModelryRegister, ModelrySaver
from modelry.registry.parts import Loader, Register, Saver
from modelry.registry.repository import RegistryRepository, Repository

__all__ = [
    "HuggingFaceLoader",
    "HuggingFaceRegister",
    "HuggingFaceSaver",
    "Loader",
    "MlflowLoader",
    "MlflowRegister",
    "MlflowSaver",
    "ModelInfo",
    "ModelVersion",
    "ModelryLoader",
    "ModelryRegister",
    "ModelrySaver",
    "Register",
    "RegistryRepository",
    "Repository",
    "Saver",
    "loader_of",
    "register_of",
    "saver_of",
]
