"""A small server that speaks the protocol of the Hugging Face Hub, for its stock client.

It holds models in memory. Files of 512 bytes and more come by Git LFS, smaller
ones inside the commit, as at the Hub; there is no Xet (set
`HF_HUB_DISABLE_XET=1`). Whoever has a token may do everything; without one
only reading is allowed.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from modelry.testing.hub_repos import Blob, Commit, Refusal, Repo

_LFS = 512
_PAGE = 3
Json = dict[str, Any]


class Hub:
    """The state of one hub, and its address."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.lfs: dict[str, bytes] = {}
        self.lock = threading.Lock()
        self.url = ""

    def repo(self, name: str) -> Repo:
        """Answer a repository."""
        if name not in self.repos:
            raise Refusal(404, f"Repository {name} not found", "RepoNotFound")
        return self.repos[name]

    def create(self, name: str) -> Repo:
        """Make a repository with its first commit."""
        if name in self.repos:
            raise Refusal(409, "You already created this model repo", url=f"{self.url}/{name}")
        repo = self.repos[name] = Repo(name)
        repo.commit("main", "initial commit", {".gitattributes": Blob(b"*.bin filter=lfs\n")})
        return repo

    def change(self, repo: Repo, branch: str, lines: list[Json]) -> Commit:
        """Make a commit of NDJSON lines."""
        head = repo.find(branch)
        said = next(line["value"] for line in lines if line["key"] == "header")
        if said.get("parentCommit") not in {None, head.sha}:
            raise Refusal(412, "A commit has happened since. Please refresh and try again.")
        files = dict(head.files)
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = Blob(base64.b64decode(value["content"]))
            elif line["key"] == "lfsFile":
                files[value["path"]] = Blob(self.lfs[value["oid"]], lfs=True)
            elif line["key"] == "deletedFile":
                files.pop(value["path"], None)
        return repo.commit(branch, said["summary"], files)


@contextmanager
def hub() -> Iterator[Hub]:
    """Serve an empty hub on this machine."""
    state = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="hub", daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _info(repo: Repo, commit: Commit, *, blobs: bool = False) -> Json:
    card = _card(commit)
    return {
        "id": repo.id, "modelId": repo.id, "sha": commit.sha, "private": False,
        "lastModified": _time(commit), "createdAt": _time(commit), "tags": card.get("tags", []),
        "cardData": card, "downloads": 0, "likes": 0, "gated": False, "disabled": False,
        "siblings": [{"rfilename": path, **(_blob(blob) if blobs else {})}
                     for path, blob in sorted(commit.files.items())],
    }  # fmt: skip


def _card(commit: Commit) -> Json:
    import yaml

    text = commit.files["README.md"].data.decode() if "README.md" in commit.files else ""
    parts = text.split("---\n")
    found = yaml.safe_load(parts[1]) if len(parts) > 2 else {}
    return found if isinstance(found, dict) else {}


def _blob(blob: Blob) -> Json:
    lfs = {"lfs": {"sha256": blob.sha256, "oid": blob.sha256, "size": len(blob.data),
                   "pointerSize": 130}} if blob.lfs else {}  # fmt: skip
    return {"size": len(blob.data), "blobId": blob.git, "oid": blob.git, **lfs}


def _time(commit: Commit) -> str:
    return commit.at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


class _Answer:
    """Answers one request from the state; the names of methods are those of the routes."""

    def __init__(self, state: Hub, query: Mapping[str, list[str]], body: bytes) -> None:
        self.state, self.query, self.body = state, query, body
        self.next: str | None = None

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.body or b"{}")
        return found

    def route(self, method: str, parts: list[str]) -> object:  # noqa: PLR0911 - one for each route
        """Answer JSON, or bytes that go out as they are."""
        match [method, *parts]:
            case ["GET", "api", "whoami-v2"]:
                return {"type": "user", "name": "ann", "orgs": [],
                        "auth": {"accessToken": {"role": "write", "displayName": "t"}}}  # fmt: skip
            case ["POST", "api", "repos", "create"]:
                name = f"{self.json.get('organization') or 'ann'}/{self.json['name']}"
                return {"url": f"{self.state.url}/{self.state.create(name).id}"}
            case ["DELETE", "api", "repos", "delete"]:
                owner = self.json.get("organization") or "ann"
                del self.state.repos[self.state.repo(f"{owner}/{self.json['name']}").id]
                return {}
            case ["GET", "api", "models"]:
                return self.models()
            case [_, "api", "models", owner, name, *rest]:
                return self.repo(method, self.state.repo(f"{owner}/{name}"), rest)
            case ["POST", owner, name, "info", "lfs", "objects", "batch"]:
                return self.batch(self.state.repo(f"{owner}/{name.removesuffix('.git')}"))
            case ["PUT", "lfs", oid]:
                self.state.lfs[oid] = self.body
                return {}
            case ["POST", "lfs", _, "verify"] | ["POST", "api", "validate-yaml"]:
                return {"errors": [], "warnings": []}
        raise Refusal(404, "there is no such route")

    def models(self) -> object:
        wanted = self.query.get("author", [""])[0]
        found = [repo for name, repo in sorted(self.state.repos.items())
                 if name.partition("/")[0] == wanted or not wanted]  # fmt: skip
        at = int(self.query.get("at", ["0"])[0])
        if at + _PAGE < len(found):
            self.next = f"{self.state.url}/api/models?author={wanted}&at={at + _PAGE}"
        return [_info(repo, repo.find("main")) for repo in found[at : at + _PAGE]]

    def repo(self, method: str, repo: Repo, rest: list[str]) -> object:  # noqa: PLR0911 - likewise
        match [method, *rest]:
            case ["GET"]:
                return _info(repo, repo.find("main"), blobs="blobs" in self.query)
            case ["GET", "revision", revision]:
                return _info(repo, repo.find(revision), blobs="blobs" in self.query)
            case ["GET", "tree", revision, *_]:
                return [{"type": "file", "path": path, **_blob(blob)}
                        for path, blob in sorted(repo.find(revision).files.items())]  # fmt: skip
            case ["GET", "refs"]:
                return {"converts": [], **{
                    kind: [{"name": name, "ref": f"refs/{heads}/{name}", "targetCommit": sha}
                           for name, sha in refs.items()]
                    for kind, heads, refs in (("branches", "heads", repo.branches),
                                              ("tags", "tags", repo.tags))}}  # fmt: skip
            case ["GET", "commits", revision]:
                return [{"id": each.sha, "title": each.title, "message": "",
                         "authors": [{"user": each.author}], "date": _time(each)}
                        for each in repo.log(revision)]  # fmt: skip
            case ["POST", "preupload", _]:
                return {"files": [
                    {"path": each["path"], "shouldIgnore": False,
                     "uploadMode": "lfs" if each["size"] >= _LFS else "regular"}
                    for each in self.json["files"]]}  # fmt: skip
            case _:
                return self.change(method, repo, rest)

    def change(self, method: str, repo: Repo, rest: list[str]) -> object:
        match [method, *rest]:
            case ["POST", "commit", branch]:
                lines = [json.loads(line) for line in self.body.splitlines() if line.strip()]
                made = self.state.change(repo, branch, lines)
                return {"commitOid": made.sha, "commitUrl": f"{self.state.url}/{repo.id}/commit/{made.sha}"}  # fmt: skip
            case ["POST", "tag", revision]:
                repo.point(repo.tags, self.json["tag"], revision)
            case ["DELETE", "tag", name]:
                repo.unpoint(repo.tags, name)
            case ["POST", "branch", name]:
                repo.point(repo.branches, name, self.json.get("startingPoint") or "main")
            case ["DELETE", "branch", name]:
                repo.unpoint(repo.branches, name)
            case _:
                raise Refusal(404, "there is no such route")
        return {}

    def batch(self, repo: Repo) -> object:
        del repo
        return {"transfer": "basic", "objects": [
            {"oid": each["oid"], "size": each["size"],
             **({} if each["oid"] in self.state.lfs else {"actions": {
                 "upload": {"href": f"{self.state.url}/lfs/{each['oid']}", "header": {}}}})}
            for each in self.json["objects"]]}  # fmt: skip

    def file(self, parts: list[str]) -> tuple[Commit, Blob]:
        owner, name, _, revision, *path = parts
        commit = self.state.repo(f"{owner}/{name}").find(revision)
        if "/".join(path) not in commit.files:
            raise Refusal(404, "Entry not found", "EntryNotFound", **{"X-Repo-Commit": commit.sha})
        return commit, commit.files["/".join(path)]


class _Handler(BaseHTTPRequestHandler):
    """Speaks HTTP; `state` is set by the subclass that `hub` makes."""

    state: ClassVar[Hub]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _serve(self) -> None:
        target = urlsplit(self.path)
        parts = [unquote(part) for part in target.path.strip("/").split("/")]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = _Answer(self.state, parse_qs(target.query, keep_blank_values=True), body)
        try:
            with self.state.lock:
                self._refuse_strangers(parts)
                if self.command in {"GET", "HEAD"} and parts[2:3] == ["resolve"]:
                    self._file(*answer.file(parts))
                    return
                found = answer.route(self.command, parts)
            headers = {"Content-Type": "application/json"}
            if answer.next:
                headers["Link"] = f'<{answer.next}>; rel="next"'
            self._send(200, json.dumps(found).encode(), headers)
        except Refusal as refusal:
            headers = {"X-Error-Code": refusal.code, "X-Error-Message": refusal.message,
                       **{k: v for k, v in refusal.more.items() if k.startswith("X-")}}  # fmt: skip
            told = {"error": refusal.message, **refusal.more}
            self._send(refusal.status, json.dumps(told).encode(), headers)

    def _refuse_strangers(self, parts: list[str]) -> None:
        reads = self.command in {"GET", "HEAD"} or parts[0] == "lfs"
        if not reads and not self.headers.get("Authorization"):
            raise Refusal(401, "Invalid username or password.")

    def _file(self, commit: Commit, blob: Blob) -> None:
        headers = {"X-Repo-Commit": commit.sha, "ETag": f'"{blob.git}"',
                   "Accept-Ranges": "bytes"}  # fmt: skip
        if blob.lfs:
            headers |= {
                "X-Linked-Etag": f'"{blob.sha256}"',
                "X-Linked-Size": str(len(blob.data)),
            }
        self._send(200, blob.data, headers)

    def _send(self, status: int, data: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - names of the library

    def log_message(self, *_: object) -> None:
        """Write nothing."""
