"""Blobs in an object store: Amazon S3 and what speaks its protocol, Google Cloud, Azure.

`address` reads the URI, `bucket` is the only file that knows obstore, `keys`
says where things lie, `store` and `uploads` keep the promises of the ports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelry.core.errors import Unsupported

if TYPE_CHECKING:
    from modelry.blobs.objects.store import ObjectBlobs


def open_objects(uri: str) -> ObjectBlobs:
    """Open the store at `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.

    Asks nothing of it yet. Credentials come from the environment, as for every
    tool of that store (`AWS_ACCESS_KEY_ID` ..., `GOOGLE_APPLICATION_CREDENTIALS`,
    `AZURE_STORAGE_ACCOUNT_NAME` ...); `address` tells the options after `?`.
    """
    try:
        from modelry.blobs.objects.store import ObjectBlobs
    except ModuleNotFoundError as error:
        if error.name != "obstore":
            raise
        msg = "object stores need one more library: pip install 'modelry[objects]'"
        raise Unsupported(msg) from error
    from modelry.blobs.objects.address import read_address

    return ObjectBlobs(read_address(uri))
