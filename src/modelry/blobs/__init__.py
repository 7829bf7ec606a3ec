"""Bytes: what a caller registers, where it is kept by digest, and the folders people load.

`tree` looks at local paths, `local` keeps blobs on a local disk and `objects` in
an object store, each with its uploads; `shelf` makes folders out of blobs. Paths
and keys derive from digests and from names of our own alone.
"""
