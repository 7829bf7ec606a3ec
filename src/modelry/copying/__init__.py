"""Versions and whole registries, copied from any registry to any other."""

from modelry.copying.copying import copy_models, copy_version
from modelry.copying.report import Copied, Lost
from modelry.copying.sources import Source, source_of

__all__ = ["Copied", "Lost", "Source", "copy_models", "copy_version", "source_of"]
