"""Adapters of the `Store` port: where metadata lives."""
