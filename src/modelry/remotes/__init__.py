"""Other registries behind the same verbs: a modelry server."""
