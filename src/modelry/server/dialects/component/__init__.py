"""The component "Model Registry & Versioning" (S2): `/models/register`, `/version`, `/deploy`."""

from modelry.server.dialects.component.app import component_dialect

__all__ = ["component_dialect"]
