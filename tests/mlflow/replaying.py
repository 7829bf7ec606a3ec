"""Requests that MLflow's client once sent, sent again, and how the answers differ in shape.

`recorded.json` holds, for each flow, what the client asks of a server and what
MLflow's own server answers: the status, the error, and the shape of the
document. A text in `<...>` stands for an id that the server chose. In a shape a
list is `[how many, the shape of one]`, the number null where it is not told, and a
key that ends in `?` is there only sometimes.
"""

# ruff: noqa: ANN401 - documents are whatever JSON holds

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

RECORDED: dict[str, list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("recorded.json").read_text(encoding="utf-8")
)
PLACE = re.compile(r"<(?:root of <\w+ \d+>|\w+ \d+|page)>")
TYPES = {"text": str, "number": int | float, "bool": bool, "null": type(None)}


@dataclass(frozen=True)
class Difference:
    """Where an answer is not what it was: in which request, where in its document, and how."""

    request: str
    what: str

    def __str__(self) -> str:
        return f"{self.request}: {self.what}"


@dataclass
class Replayer:
    """Sends what was recorded to a server, whose ids it learns from the answers."""

    client: httpx.Client
    ids: dict[str, str] = field(default_factory=dict)

    def flow(self, name: str) -> Iterator[Difference]:
        """Send a flow; answer each difference."""
        for recorded in RECORDED[name]:
            asked = f"{recorded['method']} {recorded['path'].removeprefix('/api/2.0/')}"
            for what in self._differences(recorded, self.send(recorded)):
                yield Difference(asked, what)

    def send(self, recorded: dict[str, Any]) -> httpx.Response:
        """Send one request with the ids of this server in it."""
        path = self._here(recorded["path"])
        query = [(key, self._here(value)) for key, value in recorded.get("query", ())]
        content = headers = None
        if "body" in recorded:
            content = self._content(path, recorded["body"])
            headers = {"Content-Type": "application/json"}
        return self.client.request(
            recorded["method"], path, params=query, content=content, headers=headers
        )

    def _content(self, path: str, body: Any) -> bytes:
        if isinstance(body, dict) and body.keys() == {"bytes"}:
            size = int(body["bytes"])
            start = b"flavors: {}\n" if path.endswith("MLmodel") else b""
            return (start + b"#" * size)[:size]
        return json.dumps(self._here(body)).encode()

    def _here(self, value: Any) -> Any:
        """Answer `value` with the ids of this server."""
        if isinstance(value, str):
            return PLACE.sub(lambda found: self.ids[found[0]], value)
        if isinstance(value, list):
            return [self._here(each) for each in value]
        if isinstance(value, dict):
            return {key: self._here(each) for key, each in value.items()}
        return value

    def _differences(self, recorded: dict[str, Any], answer: httpx.Response) -> Iterator[str]:
        if answer.status_code != recorded["status"]:
            yield f"{answer.status_code}, not {recorded['status']}: {answer.text[:300]}"
        elif "error" in recorded:
            code, message = recorded["error"]
            said = answer.json()
            if (said["error_code"], _sorted(said["message"])) != (
                code,
                _sorted(self._here(message)),
            ):
                yield f"{said['error_code']} {said['message']}, not {code} {self._here(message)}"
        elif recorded["answer"] == "file":
            if not answer.content:
                yield "an empty file"
        elif recorded["answer"] is not None:
            yield from self._compare(recorded["answer"], answer.json(), "")

    def _compare(self, shape: Any, found: Any, where: str) -> Iterator[str]:
        if isinstance(shape, dict) and isinstance(found, dict):
            yield from self._compare_keys(shape, found, where)
        elif isinstance(shape, list) and isinstance(found, list):
            count, each = shape or (0, None)
            if count is not None and len(found) != count:
                yield f"{where} has {len(found)} items, not {count}"
            for item in found:
                yield from self._compare(each, item, f"{where}[]")
        elif isinstance(shape, str) and shape not in TYPES and isinstance(found, str):
            self._learn(shape, found, where)
        elif not isinstance(shape, str) or not isinstance(found, TYPES.get(shape, str)):
            yield f"{where} is {type(found).__name__}, not {shape}"

    def _compare_keys(
        self, shape: dict[str, Any], found: dict[str, Any], where: str
    ) -> Iterator[str]:
        known = {key.removesuffix("?"): (key, each) for key, each in shape.items()}
        for key, (marked, each) in known.items():
            if key in found:
                yield from self._compare(each, found[key], f"{where}.{key}")
            elif marked == key:
                yield f"{where}.{key} is missing"
        for key in found.keys() - known.keys():
            yield f"{where}.{key} is more"
        if isinstance(found.get("next_page_token"), str):
            self.ids["<page>"] = found["next_page_token"]

    def _learn(self, shape: str, found: str, where: str) -> None:
        """Take the id that stands where a place of `shape` is; the same place has one id."""
        place = PLACE.search(shape)
        assert place is not None, f"{shape} at {where} is no shape"
        before, after = shape[: place.start()], shape[place.end() :]
        if found.startswith(before) and found.endswith(after):
            self.ids[place[0]] = found[len(before) : len(found) - len(after)]


def _sorted(message: str) -> str:
    """Answer a message with the sets in it in order: MLflow writes them as they come."""
    return re.sub(r"\{(.*?)\}", lambda found: str(sorted(found[1].split(", "))), message)
