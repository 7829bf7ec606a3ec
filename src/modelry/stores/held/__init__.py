"""Metadata held in dictionaries: what a store in memory and one in a file do alike."""

from modelry.stores.held.state import State
from modelry.stores.held.unit import HeldUnit
from modelry.stores.held.view import HeldView

__all__ = ["HeldUnit", "HeldView", "State"]
