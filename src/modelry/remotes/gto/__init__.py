"""A Git repository with GTO's tags and DVC's files, read as a registry, by git alone."""

from modelry.remotes.gto.opening import open_gto

__all__ = ["open_gto"]
