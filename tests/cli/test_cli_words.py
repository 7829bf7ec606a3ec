from __future__ import annotations

import io

import pytest
import typer
from rich.text import Text

from modelry.cli import meter, values
from modelry.cli.meter import Meter
from modelry.cli.pages import words
from modelry.cli.pages.table import Column, fit
from modelry.cli.text import cells, clean, one_line

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-60, "in the future"), (0, "just now"), (9, "just now"), (10, "10 seconds ago"),
        (59, "59 seconds ago"), (60, "1 minute ago"), (3599, "59 minutes ago"),
        (3600, "1 hour ago"), (86_399, "23 hours ago"), (86_400, "1 day ago"),
        (29 * 86_400, "29 days ago"), (31 * 86_400, "1 month ago"), (364 * 86_400, "11 months ago"),
        (800 * 86_400, "2 years ago"),
    ],
)  # fmt: skip
def test_a_time_is_said_relative_to_now(seconds: int, said: str) -> None:
    assert words.ago(10**15, 10**15 + seconds * SECOND) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_951, "1.0 MB"),
     (1_500_000_000, "1.5 GB"), (10**18, "1000.0 PB")],
)  # fmt: skip
def test_a_size_is_said_in_the_unit_that_fits(count: int, said: str) -> None:
    assert words.size(count) == said


def test_counts_numbers_and_lists_read_well() -> None:
    assert [words.many(each) for each in (7, 12_345_678, 7_000_000_000)] == ["7", "12.3 M", "7.0 B"]
    assert [words.plural(1, "file"), words.plural(2, "history")] == ["1 file", "2 histories"]
    assert [words.number(each) for each in (12, 0.1 + 0.2, None)] == ["12", "0.3", "-"]
    assert [words.difference(each) for each in (0, 0.91 - 0.9, -3)] == ["=", "+0.01", "-3"]
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.versions([2, 1]) == "versions 1 and 2"


def test_text_keeps_its_lines_and_loses_what_steers_a_terminal() -> None:
    assert clean("a\n\tb\x1b[0m\x9b\u202e") == "a\n    b\\x1b[0m\\x9b\\u202e"
    assert one_line("a\n b\u2029c") == "a b c"
    assert clean("模型 Ünïcode 👩‍🔬") == "模型 Ünïcode 👩‍🔬"
    assert cells("模é") == 3


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("90", 90), ("90s", 90), ("30m", 1800), ("1.5h", 5400),
                          ("7 d", 604_800)]
)  # fmt: skip
def test_a_duration_can_be_typed_with_a_unit(text: str, seconds: float) -> None:
    assert values.seconds(text) == seconds
    with pytest.raises(typer.BadParameter, match="is not a duration"):
        values.seconds(f"-{text}")


def test_a_table_gives_up_its_least_column_first_and_then_shortens_the_longest() -> None:
    columns = [Column("NAME", 9, 6), Column("EXTRA", 1), Column("NOTE", 7, 6)]
    rows = [[Text("a" * 10), Text("e" * 10), Text("n" * 20)]]

    def lines(room: int) -> list[str]:
        return [line.plain for line in fit(columns, rows, room)]

    assert lines(44)[1] == f"{'a' * 10}  {'e' * 10}  {'n' * 20}"
    assert lines(40)[1] == f"{'a' * 10}  {'n' * 20}"
    assert lines(24)[1] == f"{'a' * 10}  {'n' * 11}…"
    assert lines(14)[1] == "aaaaa…  nnnnn…"
    assert lines(8)[1] == "aaaaaaa…"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_shown_only_after_a_moment_and_only_to_a_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def work(stream: io.StringIO, patience: float, unit: meter.Unit = "bytes") -> str:
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setattr(meter, "_PATIENCE", patience)
        with Meter(unit) as progress:
            progress("storing", 1_000_000, 4_000_000)
            if patience == 0 and stream.isatty():
                progress._timer.join()
            progress("storing", 2_000_000, 4_000_000)
            progress("placing [red]", 4_000_000, 4_000_000)
        return stream.getvalue()

    monkeypatch.setenv("TERM", "xterm")
    shown = work(Terminal(), 0)
    assert "storing" in shown
    assert "4.0/4.0 MB" in shown
    assert "placing [red]" in shown
    assert "4000000/4000000" in work(Terminal(), 0, "chains").replace(" ", "")
    assert "4.0/? MB" in work(Terminal(), 0, "unknown")
    assert work(Terminal(), 60) == ""
    assert work(io.StringIO(), 0) == ""
