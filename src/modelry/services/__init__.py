"""The registry as services of an application use it."""

from modelry.services.model_registry_service import ModelRegistryService

__all__ = ["ModelRegistryService"]
