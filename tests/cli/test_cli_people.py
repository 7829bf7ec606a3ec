"""Accounts, members, tokens, publishers and the log, on the command line."""

from __future__ import annotations

import json

import pytest
from answers import Command


@pytest.fixture
def ci(run: Command) -> None:
    run("account", "create", "ci", "--service")


def test_accounts_are_made_listed_and_shut_out(run: Command) -> None:
    assert run("account", "list").err == "no accounts yet; make one: modelry account create NAME\n"
    assert run("account", "create", "Ada").out == "account ada is there\n"
    assert run("account", "create", "ci", "--service").out == "service account ci is there\n"
    assert run("account", "disable", "ada").out == "ada is shut out\n"
    lines = [line.split() for line in run("account", "list").lines]
    assert lines[0] == ["ACCOUNT", "KIND", "STATE", "CREATED"]
    assert lines[1][:3] == ["ada", "user", "disabled"]
    assert run("account", "enable", "ada", "--json").document["disabled_at"] is None
    names = [each["name"] for each in run("account", "list", "--json").document["accounts"]]
    assert names == ["ada", "ci"]
    assert "there is no account 'bo'" in run("account", "disable", "bo", code=1).err


@pytest.mark.usefixtures("ci")
def test_members_have_roles(run: Command) -> None:
    assert "nobody has a role in default" in run("member", "list", "default").err
    assert run("member", "set", "default", "ci", "publisher").out == (
        "ci is publisher in default now\n")  # fmt: skip
    assert run("member", "set", "*", "ci", "reader").out == "ci is reader everywhere now\n"
    assert run("member", "list", "default").lines[1].split()[:2] == ["ci", "publisher"]
    (member,) = run("member", "list", "*", "--json").document["members"]
    assert (member["account"], member["role"]) == ("ci", "reader")
    assert run("member", "set", "default", "ci", "admin", "--json").document["role"] == "admin"
    assert run("member", "remove", "default", "ci").out == "ci has no role in default any more\n"
    assert run("member", "remove", "*", "ci", "--json").document["role"] is None
    assert "'king' is not a role" in run("member", "set", "default", "ci", "king", code=1).err


@pytest.mark.usefixtures("ci")
def test_a_token_is_shown_once_alone_on_standard_output(run: Command) -> None:
    said = run("token", "create", "nightly", "--account", "ci", "--role", "publisher",
               "--project", "default", "--lifetime", "1h")  # fmt: skip
    assert said.out.startswith("modelry_")
    assert len(said.lines) == 1
    identity = said.out.split("_")[1]
    assert said.err.startswith(f"token {identity} of ci is good until 20")
    row = run("token", "list").lines[1].split()
    assert row[:6] == [identity, "ci", "nightly", "publisher", "in", "default"]
    assert said.out.strip() not in run("token", "list", "--account", "ci", "--json").out
    (token,) = run("token", "list", "--all", "--json").document["tokens"]
    assert (token["id"], token["role"]) == (identity, "publisher")
    assert run("token", "revoke", identity).out == f"token {identity} opens nothing any more\n"
    assert run("token", "list").err == "no tokens\n"
    assert "there is no token" in run("token", "revoke", identity, code=1).err
    made = run("token", "create", "x", "--account", "ci", "--json").document
    assert made["secret"].startswith(f"modelry_{made['id']}_")
    assert run("token", "revoke", made["id"], "--json").document["revoked"] is True
    assert "say whose token" in run("token", "create", "x", code=2).err


@pytest.mark.usefixtures("ci")
def test_pipelines_are_trusted_by_their_claims(run: Command) -> None:
    assert "default trusts no pipeline" in run("publisher", "list", "default").err
    made = run("publisher", "trust", "default", "ci", "--claim", "repository=acme/models",
               "--claim", "ref=refs/heads/main", "--json").document  # fmt: skip
    assert made["issuer"] == "https://token.actions.githubusercontent.com"
    assert made["claims"] == {"repository": "acme/models", "ref": "refs/heads/main"}
    told = run("publisher", "list", "default").out
    assert made["id"] in told
    assert "ref=refs/heads/main, repository" in told
    (listed,) = run("publisher", "list", "default", "--json").document["publishers"]
    assert listed == made
    said = run("publisher", "distrust", "default", made["id"])
    assert said.out == f"default trusts {made['id']} no more\n"
    other = run("publisher", "trust", "default", "ci", "--claim", "sub=x", "--issuer",
                "https://gitlab.example", "--role", "approver")  # fmt: skip
    assert other.out.endswith("may act in default as ci (approver)\n")
    assert "has no value" in run("publisher", "trust", "default", "ci", "--claim", "x", code=2).err
    found = run("publisher", "list", "default", "--json").document["publishers"][0]["id"]
    gone = run("publisher", "distrust", "default", found, "--json").document
    assert gone["trusted"] is False


@pytest.mark.usefixtures("three_versions", "ci")
def test_the_log_tells_of_everything_newest_first(run: Command) -> None:
    lines = run("log").lines
    assert lines[0].endswith("created the service account ci  [the registry]")
    assert any("promoted version 2 to production" in line for line in lines)
    assert any(line.endswith("[default/credit-risk]") for line in lines)
    assert any("“beats the baseline”" in line for line in lines)
    page = run("log", "--limit", "2", "--json").document
    assert [each["kind"] for each in page["events"]] == ["account.created", "alias.set"]
    assert "created the service account ci" in page["events"][0]["sentence"]
    rest = run("log", "--cursor", page["next"], "--json").document
    assert len(rest["events"]) == 5
    assert rest["next"] is None
    assert "go on with --cursor" in run("log", "-n", "1").err


@pytest.mark.usefixtures("three_versions", "ci")
def test_the_log_is_filtered_and_exported_whole(run: Command) -> None:
    kinds = ["--kind", "version.promoted", "--kind", "alias.set"]
    found = run("log", *kinds, "--project", "default", "--json").document["events"]
    assert [each["kind"] for each in found] == ["alias.set", "version.promoted", "version.promoted"]
    every = [json.loads(line) for line in run("log", *kinds, "--jsonl").lines]
    assert every == found
    actor = found[0]["actor"]
    assert len(run("log", "--actor", actor, "--jsonl").lines) == 7
    assert run("log", "--actor", "nobody").err == "nothing happened\n"
    assert run("log", "--until", "yesterday").err == "nothing happened\n"
    assert len(run("log", "--since", "2 days ago", "--until", "now", "--jsonl").lines) == 7
    assert "is no kind of event" in run("log", "--kind", "x", code=2).err
    assert "is not a time" in run("log", "--since", "x", code=2).err


@pytest.mark.usefixtures("three_versions")
def test_a_narrow_log_has_its_times_above(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = run("log", "-n", "1").lines
    assert lines[0].endswith("UTC")
    assert "pointed the alias champion at version 2" in lines[1]


def test_who_uses_an_embedded_registry_may_do_everything(run: Command) -> None:
    said = run("whoami")
    assert said.out.endswith(": admin everywhere\n")
    assert run("whoami", "--json").document["roles"] == {"*": "admin"}
