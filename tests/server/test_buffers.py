"""Memory for bytes on their way is lent, comes back, and is wide for a few at a time."""

from __future__ import annotations

import gc

import pytest

from modelry.server import buffers
from modelry.server.buffers import LARGE, PIECE, WIDE, Buffers


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    gc.collect()
    monkeypatch.setattr(buffers, "_FREE", [])
    assert len(buffers._WIDE) == 0


def test_two_pieces_take_turns() -> None:
    mine = Buffers(1)
    first, second = mine.next(), mine.next()
    first[:1], second[:1] = b"1", b"2"
    assert [bytes(mine.next()[:1]) for _ in range(3)] == [b"1", b"2", b"1"]
    assert len(first) == len(second) == mine.piece == PIECE


def test_what_was_given_back_is_lent_again() -> None:
    mine = Buffers(1)
    mine.next()[:3] = b"abc"
    mine.give_back()
    other = Buffers(1)
    assert b"abc" in {bytes(other.next()[:3]) for _ in range(2)}
    assert buffers._FREE == []


def test_no_more_is_kept_than_some() -> None:
    many = [Buffers(1) for _ in range(40)]
    for each in many:
        each.give_back()
    assert len(buffers._FREE) == buffers._KEPT


@pytest.mark.parametrize("how", ["given back", "dropped"])
def test_two_at_a_time_are_wide_if_what_they_move_is_large(how: str) -> None:
    assert Buffers(LARGE - 1).piece == PIECE
    first, second = Buffers(LARGE), Buffers(LARGE)
    assert [first.piece, second.piece, len(first.next())] == [WIDE, WIDE, WIDE]
    assert Buffers(LARGE).piece == PIECE
    if how == "given back":
        first.give_back()
        assert buffers._FREE == [], "what is wide is not kept"
    else:
        del first
    assert Buffers(LARGE).piece == WIDE
