"""
The first sheet of an XLSX workbook as rows of text, streamed.

Libraries allot the whole rectangle that a sheet claims (a cell at XFD1048576 then costs gigabytes) or a whole row at
once; and they hand out numbers as floats, when it matters whether Excel has destroyed one. So the sheet is read here.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.parsers.expat import ExpatError

from django.utils.translation import gettext as _

from .errors import BrokenWorkbook, ImportRefused, NotATable, UnsafeFile
from .sheet import SheetRows, TooMuch, Workbook

MEMBERS = 2_000
UNPACKED_BYTES = 400 * 2**20
TEXTS_BYTES = 64 * 2**20
RATIO = 100
RATIO_FROM_BYTES = 8 * 2**20  # small members may well be all alike
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DIMENSION = re.compile(rb'<(?:\w+:)?dimension [^>]*ref="[A-Z]+\d+:[A-Z]+(\d{1,7})"')
MALFORMED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, ExpatError, KeyError, IndexError, OSError, OverflowError,
    RuntimeError, ValueError,
)  # fmt: skip


def open_xlsx(path: Path) -> tuple[int | None, Iterator[tuple[int, list[str]]]]:
    """
    About how many rows there are, and the rows.

    :raises UnsafeFile: if it would unpack to more than any order list needs
    :raises BrokenWorkbook: if it is no workbook, or damaged
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _guard(path, archive)
            workbook = Workbook.read(archive)
            with archive.open(workbook.sheet) as sheet:
                match = DIMENSION.search(sheet.read(4_096))
    except MALFORMED as error:
        raise _refusal(path, error) from error
    return int(match[1]) if match else None, _rows(path, workbook)


def _rows(path: Path, workbook: Workbook) -> Iterator[tuple[int, list[str]]]:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(workbook.sheet) as sheet:
            yield from SheetRows(workbook).read(sheet)
    except MALFORMED as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: Exception) -> ImportRefused:
    if isinstance(error, TooMuch):
        return UnsafeFile(name=path.name, why=str(error))
    return BrokenWorkbook(name=path.name, why=str(error) or type(error).__name__)


def _guard(path: Path, archive: zipfile.ZipFile) -> None:
    """By the archive's directory alone: what lies about its size there is cut off at it when it is read."""
    members = archive.infolist()
    if not any(member.filename == "xl/workbook.xml" for member in members):
        raise NotATable(name=path.name, kind=_("a ZIP archive"))
    if any(member.flag_bits & 1 for member in members):
        raise NotATable(name=path.name, kind=_("protected by a password"))
    if any(member.compress_type not in PACKINGS for member in members):  # others take the memory a file asks for
        raise BrokenWorkbook(name=path.name, why="compression")
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if len(members) > MEMBERS:
        raise UnsafeFile(name=path.name, why=_("it holds %d files") % len(members))
    if unpacked > UNPACKED_BYTES or (unpacked > RATIO_FROM_BYTES and unpacked > RATIO * packed):
        raise UnsafeFile(name=path.name, why=_("it unpacks to %d MB") % (unpacked >> 20))
    texts = max((it.file_size for it in members if it.filename.endswith("sharedStrings.xml")), default=0)
    if texts > TEXTS_BYTES:
        raise UnsafeFile(name=path.name, why=_("it holds %d MB of text") % (texts >> 20))
