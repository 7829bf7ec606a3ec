"""Conformance suites: what an adapter has to keep to, for ours and for those of plug-ins."""
