"""A mark is shared by those who wait for it, and is never older than the question."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, cast

import pytest

from modelry.core.errors import Unavailable
from modelry.core.ports import Store
from modelry.server.marks import Marks


class Counting:
    """A store that counts how often it is asked; each answer is another mark."""

    def __init__(self) -> None:
        self.asked = 0
        self.broken = False

    def generation(self) -> Hashable:
        self.asked += 1
        if self.broken:
            msg = "the database is away"
            raise Unavailable(msg)
        return self.asked


class Peeking(Counting):
    def peek(self) -> Hashable:
        return None if self.broken else self.generation()


class Glancing(Counting):
    """A store with a glance over a pipe, which answers when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = self.sent = 0
        self.dead = False
        self.reading = self.writing = -1

    def glance(self) -> Glancing:
        return self

    def open(self) -> int:
        self.opened += 1
        self.dead = False
        self.reading, self.writing = os.pipe()
        return self.reading

    def ask(self) -> None:
        if self.dead:
            msg = "gone"
            raise Unavailable(msg)
        self.sent += 1

    def say(self) -> None:
        os.write(self.writing, b"x")

    def answer(self) -> Hashable:
        os.read(self.reading, 1)
        if self.dead:
            msg = "gone"
            raise Unavailable(msg)
        return f"glance {self.sent}"

    def close(self) -> None:
        if self.reading >= 0:
            os.close(self.reading)
            os.close(self.writing)
            self.reading = self.writing = -1


async def at_once(work: Callable[[], Hashable]) -> Hashable:
    await asyncio.sleep(0)
    return work()


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - the loop's own turns are what is tested
        await asyncio.sleep(0)


def marks_of(
    store: Counting, run: Callable[[Callable[[], Hashable]], Awaitable[Hashable]]
) -> Marks:
    return Marks(cast("Store", store), run)


def test_all_who_ask_in_one_turn_share_one_question() -> None:
    async def scene() -> list[Hashable]:
        marks = marks_of(store, at_once)
        return list(await asyncio.gather(*[marks.mark() for _ in range(10)]))

    store = Counting()
    assert asyncio.run(scene()) == [1] * 10


def test_who_comes_while_a_question_is_under_way_gets_a_later_one() -> None:
    async def scene() -> tuple[Hashable, Hashable]:
        gate = asyncio.Event()

        async def slowly(work: Callable[[], Hashable]) -> Hashable:
            answer = work()
            await gate.wait()
            return answer

        marks = marks_of(store, slowly)
        first = asyncio.create_task(marks.mark())
        await until(lambda: store.asked > 0)
        second = asyncio.create_task(marks.mark())
        await asyncio.sleep(0)
        gate.set()
        return await first, await second

    store = Counting()
    assert asyncio.run(scene()) == (1, 2)


def test_a_look_is_shared_within_a_turn_of_the_loop_and_not_beyond() -> None:
    async def scene() -> list[Hashable]:
        marks = marks_of(store, at_once)
        found = [marks.peek(), marks.peek()]
        await asyncio.sleep(0)
        return [*found, marks.peek()]

    store = Peeking()
    assert asyncio.run(scene()) == [1, 1, 2]


def test_a_store_that_cannot_be_looked_at_now_is_asked_in_a_thread() -> None:
    async def scene() -> Hashable:
        marks = marks_of(store, at_once)
        store.broken = True
        assert marks.peek() is None
        store.broken = False
        return await marks.mark()

    store = Peeking()
    assert asyncio.run(scene()) == 1


def test_a_refusal_reaches_all_who_wait_and_the_next_question_is_asked_anew() -> None:
    async def scene() -> Hashable:
        marks = marks_of(store, at_once)
        store.broken = True
        refused = await asyncio.gather(marks.mark(), marks.mark(), return_exceptions=True)
        assert [type(each) for each in refused] == [Unavailable, Unavailable]
        store.broken = False
        return await marks.mark()

    store = Counting()
    assert asyncio.run(scene()) == 2


async def glanced(marks: Marks, store: Glancing) -> Any:  # noqa: ANN401 - a mark
    waiting = asyncio.create_task(marks.mark())
    sent = store.sent
    await until(lambda: store.sent > sent)
    store.say()
    return await waiting


def test_after_a_first_question_the_loop_itself_waits_for_the_answers() -> None:
    async def scene() -> list[Hashable]:
        marks = marks_of(store, at_once)
        return [await marks.mark(), await glanced(marks, store), await glanced(marks, store)]

    store = Glancing()
    assert asyncio.run(scene()) == [1, "glance 1", "glance 2"]
    assert store.asked == store.opened == 1


@pytest.mark.parametrize("when", ["before it is asked", "before it answers"])
def test_a_connection_that_breaks_is_replaced_and_nobody_waits_for_ever(when: str) -> None:
    async def scene() -> list[Hashable]:
        marks = marks_of(store, at_once)
        found: list[Hashable] = [await marks.mark()]
        if when == "before it is asked":
            store.dead = True
            found.append(await marks.mark())
        else:
            waiting = asyncio.create_task(marks.mark())
            await until(lambda: store.sent > 0)
            store.dead = True
            store.say()
            found.append(await waiting)
        return [*found, await glanced(marks, store)]

    store = Glancing()
    assert asyncio.run(scene())[:2] == [1, 2]
    assert store.opened == 2


def test_a_connection_that_falls_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> list[Hashable]:
        marks = marks_of(store, at_once)
        return [await marks.mark(), await marks.mark()]

    monkeypatch.setattr("modelry.server.marks._SECONDS", 0.05)
    store = Glancing()
    assert asyncio.run(scene()) == [1, 2]
    assert store.opened == 2
