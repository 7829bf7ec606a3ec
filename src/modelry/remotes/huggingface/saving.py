"""Files at the Hub before they are a version, and files of any revision."""

from __future__ import annotations

import os
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from modelry.blobs.tree import LocalSources
from modelry.core.errors import Invalid
from modelry.remotes.huggingface.hub import HubApi
from modelry.remotes.huggingface.refusals import translated
from modelry.remotes.landing import Wanted, land

BRANCH = "saved"
"""Where saved files wait; `main` is for versions."""


def save(repo: str, path: Path) -> str:
    """Commit files to the branch `saved` of `repo`, which comes to be if it is new; answer the sha."""
    if repo.count("/") != 1:
        msg = f"{repo!r} names no repository; write NAMESPACE/NAME"
        raise Invalid(msg, repo=repo)
    files = LocalSources().open(path).files
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
    with translated(f"hf://{repo}"):
        api.create_repo(repo, exist_ok=True)
        api.create_branch(repo, branch=BRANCH, exist_ok=True)
        kept = {file.path for file in files} | {".gitattributes"}
        gone = [name for name in api.list_repo_files(repo, revision=BRANCH) if name not in kept]
        made = api.create_commit(
            repo,
            [*(CommitOperationAdd(file.path, file.where) for file in files),
             *(CommitOperationDelete(name) for name in gone)],
            commit_message=f"save {path.name}", revision=BRANCH,
        )  # fmt: skip
    return str(made.oid)


def fetch(namespace: str, name: str, revision: str, home: Path) -> Path:
    """Bring the files of any revision of a repository to a local place."""
    api = HubApi(os.environ.get("HF_ENDPOINT") or None, namespace, home / "hub")
    return land(
        Wanted(f"hf://{namespace}/{name}@{revision}", "", "folder"),
        lambda folder: api.download(name, revision, folder, ()),
        home, None,
    )  # fmt: skip
