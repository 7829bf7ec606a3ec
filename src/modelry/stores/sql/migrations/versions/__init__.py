"""One file for each schema, named for its revision."""
