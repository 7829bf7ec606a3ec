"""Zip files: checked as zips first, then read as what their entries make them.

torch.save, Keras, numpy.savez and TorchScript all write zips. A file that ends
as a zip but begins as something else is refused, whatever it begins as.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from modelry.core.errors import Invalid
from modelry.core.model import Findings
from modelry.formats import keras, npz, torch
from modelry.formats.archive import Archive
from modelry.formats.quoting import plain
from modelry.formats.zip_records import END, LOCAL, ends_as_zip
from modelry.formats.zip_structure import checked_entries

if TYPE_CHECKING:
    from modelry.core.ports import SourceFile

_SPLIT = b"PK\x07\x08"
_LEAST = 22
_BROKEN = (BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError)
"""What the standard library raises for a broken zip, or for a method that it does not know."""


class Zip:
    """Checks the structure, then asks who knows these entries."""

    name = "zip"

    def sniff(self, head: bytes, size: int) -> bool:
        """Recognise the first record of a zip."""
        return size >= len(LOCAL) and head[:4] in (LOCAL, END, _SPLIT)

    def read(self, file: SourceFile) -> Findings:
        """Answer what the entries make it. Raises `Invalid` for a zip that readers disagree on."""
        with file.open() as source:
            entries = checked_entries(source, file.size)
            try:
                with ZipFile(source) as opened:
                    return _described(Archive(opened, entries))
            except _BROKEN as error:
                msg = f"the zip cannot be read: {plain(str(error))}"
                raise Invalid(msg) from error


class HiddenZip:
    """Refuses what begins as something else and ends as a zip; says nothing of other files."""

    name = "hidden-zip"

    def sniff(self, head: bytes, size: int) -> bool:
        """Look at everything that does not begin as a zip and could hide one."""
        if size < _LEAST or head[:2] == b"PK":
            return False
        return size > len(head) or END in head

    def read(self, file: SourceFile) -> Findings | None:
        """Raise `Invalid` where the file ends as a zip."""
        with file.open() as source:
            if not ends_as_zip(source, file.size):
                return None
        msg = "the file ends as a zip but begins as something else; readers differ in what it is"
        raise Invalid(msg)


def _described(archive: Archive) -> Findings:
    for describe in (torch.describe, keras.describe, npz.describe):
        found = describe(archive)
        if found is not None:
            return found
    return Findings(
        format=Zip.name,
        details={"files": len(archive.entries)},
        notes=archive.hidden(),
    )
