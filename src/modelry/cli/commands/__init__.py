"""The commands, one file per noun; each translates and decides nothing."""
