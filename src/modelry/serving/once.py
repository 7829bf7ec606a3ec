"""One request, answered without a server: to see whether a version does what it should."""

from __future__ import annotations

import json
from typing import Any

from modelry.serving.answering import write_answer
from modelry.serving.asking import parse_request
from modelry.serving.process import service_of
from modelry.serving.service import run
from modelry.settings import InferSettings


def answer_once(
    model: str, stage: str, registry: str | None, settings: InferSettings, body: bytes
) -> Any:  # noqa: ANN401 - JSON
    """Load what `stage` names and answer the inference request `body`, as JSON.

    Raises what starting a service raises, and `Invalid` for the request.
    """
    with service_of(model, stage, registry, settings) as service:
        loaded = service.take()
        try:
            asked = parse_request(body, None, loaded.inputs, loaded.outputs)
            asked.binary = frozenset()
            answered = run(loaded, asked.feed, asked.wanted)
            content, _ = write_answer(asked, answered, loaded.version.full_name, loaded.number)
            return json.loads(content)
        finally:
            service.give_back(loaded)
