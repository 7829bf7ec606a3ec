"""The registry as a list of entries over HTTP (S3): `/api/v1/registry/models`."""

from modelry.server.dialects.jsonservice.app import jsonservice_dialect

__all__ = ["jsonservice_dialect"]
