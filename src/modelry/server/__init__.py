"""The server: every door to one registry, in one process or in many."""
