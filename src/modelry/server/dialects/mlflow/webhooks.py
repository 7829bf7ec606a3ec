"""Registry webhooks: six routes that say that they are not here yet."""

from __future__ import annotations

from modelry.core.errors import Unsupported
from modelry.core.service import Service
from modelry.server.dialects.mlflow.asked import Asked
from modelry.server.dialects.mlflow.doors import Document, Work, door

_BASE = "/2.0/mlflow/webhooks"


def _refuse(asked: Asked) -> Work:
    del asked

    def work(service: Service) -> Document:
        del service
        msg = "this registry delivers no MLflow webhooks; read GET /registry/log instead"
        raise Unsupported(msg)

    return work


routes = [
    door("POST", _BASE, _refuse),
    door("GET", _BASE, _refuse),
    door("GET", f"{_BASE}/{{webhook_id}}", _refuse),
    door("PATCH", f"{_BASE}/{{webhook_id}}", _refuse),
    door("DELETE", f"{_BASE}/{{webhook_id}}", _refuse),
    door("POST", f"{_BASE}/{{webhook_id}}/test", _refuse),
]
