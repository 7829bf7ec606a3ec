"""Loaders that come with Modelry, one file per runtime; each imports it when it loads."""
