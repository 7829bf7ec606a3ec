"""What the protocol answers from memory is what the app answers, and is never older."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import pytest
from raw_site import IDLE, ONE, PATIENCE, TWO, Line, Site, site_on
from starlette.types import Scope

from modelry.server import direct, hot
from modelry.server.direct import Direct
from modelry.stores.memory import MemoryStore
from modelry.stores.sql import SqliteStore
from modelry.stores.sql.postgresql import PostgresqlStore, open_postgresql
from modelry.testing.postgresql import QUIET, fresh_database, own_folder, running, some_postgresql


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    with some_postgresql(QUIET) as uri:
        yield uri


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def site(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    made: Any = MemoryStore()
    if request.param == "sqlite":
        made = SqliteStore(tmp_path / "registry.db")
    elif request.param == "postgresql":
        made = open_postgresql(fresh_database(request.getfixturevalue("postgresql")))
    with site_on(made, tmp_path / "home", monkeypatch) as site:
        yield site


def test_what_is_remembered_is_answered_without_the_app_and_in_the_same_words(site: Site) -> None:
    with site.line() as line:
        site.asked.clear()
        usual = line.ask(ONE, Cookie="a=b", X_Forwarded_Proto="http")
        assert site.asked == [ONE]
        for _ in range(3):
            heard = line.ask(ONE)
            assert site.asked == [ONE]
            names = [name for name in usual.headers if name not in {"date", "x-request-id"}]
            assert {name: heard.headers[name] for name in names} == {
                name: usual.headers[name] for name in names
            }
            assert list(heard.headers) == list(usual.headers)
            assert (heard.status, heard.body) == (200, usual.body)
            assert re.fullmatch("[0-9a-f]{32}", heard.headers["x-request-id"])


def test_what_was_just_read_is_answered_whole_and_in_the_same_words(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    wholes: list[bytes] = []
    whole = Direct.whole

    def noted(direct: Direct, *args: Any, **more: Any) -> bytes:  # noqa: ANN401 - handed on
        wholes.append(whole(direct, *args, **more))
        return wholes[-1]

    monkeypatch.setattr(Direct, "whole", noted)
    with site.line() as line:
        site.tag("a")
        heard = line.ask(ONE)
        assert (len(wholes), heard.tags) == (1, {"who": "a"})
        assert wholes[0].endswith(heard.body)
        monkeypatch.setattr(hot, "WHOLE", "what no server can")
        site.tag("b")
        usual = line.ask(ONE)
        assert (len(wholes), usual.tags) == (1, {"who": "b"})
        assert list(heard.headers) == list(usual.headers)
        aside = {"date", "x-request-id", "etag", "repr-digest", "content-length"}
        for name in heard.headers.keys() - aside:
            assert heard.headers[name] == usual.headers[name]


def test_a_line_that_is_not_to_stay_is_closed_after_a_whole_answer(site: Site) -> None:
    site.tag("a")
    with site.line() as line:
        heard = line.ask(ONE, Connection="close")
        assert (heard.tags, heard.headers["connection"]) == ({"who": "a"}, "close")
        assert line.connection.recv(1) == b""


def test_questions_behind_one_that_is_answered_whole_are_answered_too(site: Site) -> None:
    site.tag("a")
    with site.line() as line:
        line.connection.sendall(line.question(ONE) + line.question(TWO) + line.question(ONE))
        assert [line.hear().tags for _ in range(3)] == [{"who": "a"}, {}, {"who": "a"}]


def test_a_question_in_the_same_bytes_is_not_read_again(site: Site) -> None:
    with site.line() as line, site.line() as other:
        for _ in range(3):
            line.ask(ONE)
        site.read.clear()
        answers = [each.ask(ONE) for each in (line, other) for _ in range(5)]
        assert {each.body for each in answers} == {answers[0].body}
        assert len({each.headers["x-request-id"] for each in answers}) == 10
        assert site.read == []
        assert line.ask(TWO).body != answers[0].body
        assert other.ask(ONE, Accept="*/*").body == answers[0].body
        assert len(site.read) == 2


def test_questions_that_come_in_parts_or_together_are_read(site: Site) -> None:
    with site.line() as line:
        one, two = line.question(ONE), line.question(TWO)
        for _ in range(2):
            assert [line.ask(each).status for each in (ONE, TWO)] == [200, 200]
        wanted = {ONE: "1", TWO: "2"}
        for pieces, order in (
            ((one[:30], one[30:]), (ONE,)),
            ((one + two[:-1], two[-1:] + one), (ONE, TWO, ONE)),
            ((one + two, two + one), (ONE, TWO, TWO, ONE)),
            ((one[:-1], one[-1:] + one[:1], one[1:]), (ONE, ONE)),
            ((b"\r\n" + one, one), (ONE, ONE)),
        ) * 2:
            for piece in pieces:
                line.connection.sendall(piece)
                time.sleep(0.02)
            heard = [json.loads(line.hear().body)["version"] for _ in order]
            assert heard == [wanted[path] for path in order]
            assert line.ask(ONE).status == 200


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Let the store take half a second to say its mark; answer what is set when it is asked."""
    asked = threading.Event()

    def slowly(doors: Direct) -> asyncio.Future[Hashable]:
        async def later() -> Hashable:
            asked.set()
            await asyncio.sleep(0.5)
            return await doors._doors.marks.mark()

        return asyncio.ensure_future(later())

    monkeypatch.setattr(Direct, "look", lambda _doors: None)
    monkeypatch.setattr(Direct, "mark", slowly)
    return asked


def ask_what_is_known(site: Site, line: Line, slow: threading.Event) -> None:
    """Ask in bytes that are known, and go on when the store has been asked for its mark."""
    for _ in range(2):
        line.ask(ONE)
    slow.clear()
    site.read.clear()
    line.connection.sendall(line.question(ONE))
    assert slow.wait(PATIENCE)


@pytest.mark.parametrize("count", [3, 600])
def test_what_comes_while_the_store_is_asked_is_answered_after_it(
    site: Site, slow: threading.Event, count: int
) -> None:
    with site.line() as line:
        ask_what_is_known(site, line, slow)
        order = [TWO, "/registry/models/absent/versions/1", "/health/live"] * (count // 3)
        for path in order:
            line.connection.sendall(line.question(path, Cookie="way=usual"))
        assert site.read == []
        assert json.loads(line.hear().body)["version"] == "1"
        assert [line.hear().status for _ in order] == [200, 404, 200] * (count // 3)


def test_a_line_that_only_asks_what_is_known_stays_open_and_is_closed_at_rest(site: Site) -> None:
    with site.line() as known:
        known.ask(ONE)
        with site.line() as line:
            site.read.clear()
            until = time.monotonic() + 2 * IDLE
            while time.monotonic() < until:
                assert line.ask(ONE).status == 200
                time.sleep(IDLE / 8)
            assert site.read == []
            rests = time.monotonic()
            assert line.connection.recv(1) == b""
            assert IDLE / 2 < time.monotonic() - rests < PATIENCE / 2


def test_a_server_that_stops_answers_what_waits_for_the_store(
    site: Site, slow: threading.Event
) -> None:
    site.server.config.timeout_keep_alive = 10 * PATIENCE
    with site.line() as line:
        ask_what_is_known(site, line, slow)
        site.server.should_exit = True
        assert line.hear().status == 200
        assert line.connection.recv(1) == b""
        assert site.read == []


def test_only_so_many_questions_are_known_by_their_bytes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "_MOST", 3)
    monkeypatch.setattr(direct, "_LONGEST", 400)
    kept: list[int] = []
    keep = Direct.keep

    def watched(self: Direct, data: bytes, question: direct.Question, scope: Scope) -> None:
        keep(self, data, question, scope)
        kept.append(len(self._same))

    monkeypatch.setattr(Direct, "keep", watched)
    with site.line() as line:
        for number in range(8):
            assert line.ask(ONE, Accept=f"text/{number}").status == 200
            assert line.ask(ONE, Accept=f"text/{number}", X_Filler="x" * 400).status == 200
            assert line.ask(ONE, Accept=f"text/{number}", X_Request_Id=f"r{number}").status == 200
        assert max(kept) == 3
        site.read.clear()
        assert line.ask(ONE, Accept="text/7", X_Filler="x" * 400).status == 200
        assert line.ask(ONE, Accept="text/7", X_Request_Id="r7").headers["x-request-id"] == "r7"
        assert len(site.read) == 2


def test_the_id_of_a_request_is_the_callers_where_it_is_fit(site: Site) -> None:
    with site.line() as line:
        assert line.ask(ONE, X_Request_Id="mine-1").headers["x-request-id"] == "mine-1"
        assert line.ask(ONE, X_Request_Id="not fit!").headers["x-request-id"] != "not fit!"


def test_a_change_that_was_committed_is_seen_by_the_next_question(site: Site) -> None:
    with site.line() as line:
        for at in range(30):
            site.tag(str(at))
            assert line.ask(ONE).tags == {"who": str(at)}
            assert line.ask(ONE).tags == {"who": str(at)}


def test_hundreds_of_questions_in_one_piece_are_answered_in_their_order(site: Site) -> None:
    site.tag("me")
    order = [ONE, TWO, "/registry/models/absent/versions/1", ONE, TWO, "/health/live"] * 200
    with site.line() as line:
        line.connection.sendall(b"".join(map(line.question, order)))
        for path in order:
            heard = line.hear()
            assert heard.status == (404 if "absent" in path else 200)
            if path in (ONE, TWO):
                assert json.loads(heard.body)["version"] == path[-1], heard.body


def test_what_is_no_plain_question_goes_the_usual_way(site: Site) -> None:
    with site.line() as line:
        etag = line.ask(ONE).headers["etag"]
        site.asked.clear()
        assert line.ask(ONE, If_None_Match=etag).status == 304
        assert line.ask(ONE, method="HEAD").status in {200, 405}
        assert line.ask(ONE, X_Forwarded_For="192.0.2.1").status == 200
        assert line.ask(ONE, Authorization="Bearer modelry_no").status == 401
        line.connection.sendall(line.question(ONE, Content_Length="2") + b"{}")
        assert line.hear().status == 200
        assert site.asked == [ONE] * 5
        assert line.ask(ONE).status == 200
        assert len(site.asked) == 5
        assert line.ask(ONE, Connection="close").headers["connection"] == "close"
        assert line.connection.recv(1) == b""


def test_a_revoked_token_opens_nothing_that_is_remembered(site: Site) -> None:
    made = site.call("POST", "/registry/tokens", {"name": "other"})
    with site.line() as mine, site.line(made["secret"]) as other:
        assert [other.ask(ONE).status for _ in range(3)] == [200] * 3
        site.call("DELETE", f"/registry/tokens/{made['id']}")
        assert other.ask(ONE).status == 401
        assert mine.ask(ONE).status == 200


def test_it_is_counted_like_every_other(site: Site) -> None:
    route = r'[^}]*route="/registry/models/\{model_id\}/versions/\{version\}"[^}]*'
    whats = (
        rf"modelry_http_request_duration_seconds_count\{{{route}\}}",
        rf"modelry_http_sent_bytes_total\{{{route}\}}",
        r'modelry_cache_lookups_total\{outcome="hit"\}',
    )

    def counted() -> list[float]:
        text = line.ask("/metrics").body.decode()
        return [
            sum(map(float, re.findall(rf"^{what} (\S+)$", text, re.MULTILINE))) for what in whats
        ]

    with site.line() as line:
        size = len(line.ask(ONE).body)
        before = counted()
        site.asked.clear()
        for _ in range(5):
            line.ask(ONE)
        assert ONE not in site.asked
        grown = [after - was for after, was in zip(counted(), before, strict=True)]
        assert grown == [5, 5 * size, 5]
        site.tag("a")
        before = counted()
        size = len(line.ask(ONE).body)
        grown = [after - was for after, was in zip(counted(), before, strict=True)]
        assert grown == [1, size, 0]


def test_a_question_whose_asker_goes_away_is_no_harm(site: Site) -> None:
    for _ in range(50):
        with site.line() as line:
            line.connection.sendall(line.question(ONE))
    with site.line() as line:
        assert line.ask(ONE).status == 200


def test_with_the_database_away_nothing_is_answered_from_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_folder() as folder, running(folder, QUIET) as server:
        store: PostgresqlStore = open_postgresql(server.uri)
        with site_on(store, tmp_path, monkeypatch) as site, site.line() as line:
            assert line.ask(ONE).status == 200
            server.stop()
            assert line.ask(ONE).status == 503
            server.start()
            until = time.monotonic() + PATIENCE
            while line.ask(ONE).status != 200:
                assert time.monotonic() < until
