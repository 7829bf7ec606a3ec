"""The command line: one command per verb, for people (tables, pages) and for scripts (JSON)."""
