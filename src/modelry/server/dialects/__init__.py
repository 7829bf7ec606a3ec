"""Protocols, each a thin door: it translates and decides nothing."""
