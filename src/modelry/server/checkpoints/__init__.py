"""Signed checkpoints of the records, taken every hour and kept elsewhere.

A checkpoint names the last record of every chain. Signed, and out of reach of
whoever can write the database, it shows later that records were cut off or
replaced. `start` takes them, `read_signed` verifies one.
"""

from modelry.server.checkpoints.keeping import CheckpointSettings, Keeper, start
from modelry.server.checkpoints.signing import is_signed, read_signed

__all__ = ["CheckpointSettings", "Keeper", "is_signed", "read_signed", "start"]
