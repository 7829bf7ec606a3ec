"""Processes that change one `registry.json`, forked from one that is warm.

`json_crew.py` reads lines of JSON and answers each with one line:

* `{"do": "crowd", "file", "writers", "each"}`: that many writers register that
  many versions each, of a model of their own; the answer is their exit codes.
* `{"do": "kill", "file", "journal", "seconds"}`: a victim registers and
  activates until it is killed after `seconds`; `journal` tells what it began
  (`?`) and what it was answered (`!`).
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from modelry.core.entry_book import EntryBook
from modelry.core.service import Service
from modelry.stores.jsonfile import JsonStore
from modelry.testing.fakes import world_on

MODEL = "victim"


def book_of(file: Path) -> EntryBook:
    """Open a registry anew."""
    return EntryBook(Service(world_on(JsonStore(file), file.parent)))


def work(file: Path, name: str, each: int) -> None:
    """Register versions of one model."""
    book = book_of(file)
    for number in range(1, each + 1):
        book.register(name, number, "p", {}, None)


def live(file: Path, journal: Path) -> None:
    """Register and activate, again and again, telling what was done."""
    book = book_of(file)
    out = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    number = max((int(str(each["version"])) for each in book.entries(MODEL)), default=0)
    while True:
        number += 1
        for verb, call in (("register", _register), ("activate", EntryBook.activate)):
            if verb == "activate" and number % 3:
                continue
            os.write(out, f"? {verb} {number}\n".encode())
            call(book, MODEL, number)
            os.write(out, f"! {verb} {number}\n".encode())


def _register(book: EntryBook, name: str, number: int) -> object:
    return book.register(name, number, "p", {"metrics": {"n": number}}, None)


def _forked(act: Callable[[], None], broken: Path) -> int:
    child = os.fork()
    if child:
        return child
    try:
        act()
    except BaseException:  # noqa: BLE001 - the end of a child
        broken.write_text(traceback.format_exc(), encoding="utf-8")
        os._exit(1)
    os._exit(0)


def _crowd(order: dict[str, Any]) -> list[int]:
    file, each = Path(order["file"]), int(order["each"])
    names = [f"m{at}" for at in range(order["writers"])]
    children = [
        _forked(partial(work, file, name, each), file.with_suffix(f".{name}.broken"))
        for name in names
    ]
    return [os.waitpid(child, 0)[1] for child in children]


def _kill(order: dict[str, Any]) -> list[int]:
    file, journal = Path(order["file"]), Path(order["journal"])
    child = _forked(lambda: live(file, journal), file.with_suffix(".broken"))
    time.sleep(order["seconds"])
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return [0]


def do(file: Path, words: Path, verb: str) -> None:
    """Do one thing, and say so in one write to `words`, which lies elsewhere."""
    out = os.open(words, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(out, b"begin")
    book = book_of(file)
    if verb == "register":
        book.register(MODEL, 3, "p", {"metrics": {"n": 3}}, None)
    else:
        book.activate(MODEL, 2)
    os.write(out, verb.encode())


def main() -> None:
    """Serve, or do one thing: `json_crew.py FILE WORDS register|activate`."""
    if len(sys.argv) > 1:
        do(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
        return
    with tempfile.TemporaryDirectory() as folder:
        work(Path(folder) / "registry.json", "warm", 3)
        book_of(Path(folder) / "registry.json").activate("warm", 2)
    gc.collect()
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps((_crowd if order["do"] == "crowd" else _kill)(order)), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
