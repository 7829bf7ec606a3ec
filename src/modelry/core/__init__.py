"""The registry itself: nouns, rules and verbs, on the standard library alone."""
