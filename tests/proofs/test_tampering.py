"""Row 70 in small: an audit names the record that somebody edited, removed, or cut off."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import deed
import pytest

from modelry.wiring import connect

RECORD = "UPDATE events SET {} WHERE chain = 'default/m' AND seq = {}"
REMOVED = "DELETE FROM events WHERE chain = 'default/m' AND seq = {}"
SAID = """body = replace(body, '"comment":""', '"comment":"x"')"""
SEALED = "UPDATE versions SET document = replace(document, '0.5', '0.9') WHERE number = 1"
EDITS = {
    "what was said": (RECORD.format(SAID, 2), "default/m#2"),
    "who did it": (RECORD.format("actor = 'nobody'", 4), "default/m#4"),
    "a record": (REMOVED.format(2), "default/m#2"),
    "the last record": (REMOVED.format(4), "default/m#4"),
    "a pointer": ("UPDATE pointers SET number = 1", "m@production"),
    "a sealed fact": (SEALED, "m:1"),
}


@pytest.mark.parametrize("what", EDITS)
def test_row_70_an_audit_names_what_was_changed_behind_the_registry(
    tmp_path: Path, what: str
) -> None:
    home = tmp_path / "disk" / "home"
    deed.prepare(home)
    statement, where = EDITS[what]
    database = sqlite3.connect(home / "registry.db")
    assert database.execute(statement).rowcount == 1
    database.commit()
    database.close()
    with connect(home=home) as registry:
        assert where in {each.where for each in registry.audit().problems}
