"""Bytes: what a caller registers, where it is kept by digest, and the folders people load.

`tree` looks at local paths, `local` keeps blobs on a local disk, `shelf` makes
folders out of blobs. Disk paths derive from digests alone.
"""
