"""What a file is, read from its content: one file per format, nothing executed, nothing believed.

A file format recognises a file by its first bytes and reads its header; a
folder format recognises a layout by the files that mark it. Both are reached
through the entry points of the group `modelry.formats`.
"""
