"""A file as rows of text, whatever it is, read once and never held whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from .csvfile import open_csv
from .errors import EmptyFile, FileMissing, FileUnreadable, NotATable
from .xlsxfile import open_xlsx

ZIP_START = b"PK\x03\x04"
OLD_EXCEL_START = b"\xd0\xcf\x11\xe0"
PDF_START = b"%PDF"
MARKUP = re.compile(rb"\s*<(?:!doctype|html|table|\?xml|meta|head)", re.IGNORECASE)
UTF16_STARTS = (b"\xff\xfe", b"\xfe\xff")
HEAD_BYTES = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """
    :param encoding: xlsx, for a workbook
    :param separator: empty for a workbook
    :param expected_rows: for a progress bar; the header counts, a cell of several lines counts more than once
    :param rows: (row number as a spreadsheet counts, cells); blank rows are left out
    """

    encoding: str
    separator: str
    expected_rows: int | None
    rows: Iterator[tuple[int, list[str]]]


def open_table(path: Path, *, encoding: str | None, encodings: tuple[str, ...]) -> Table:
    """
    Look at what the file is, not at what it is called.

    :param encoding: what staff chose; else the first of `encodings` that can read the whole file
    :raises ImportRefused: if it is missing, no table, unsafe to open, or not in this encoding
    """
    head = _head(path)
    if head.startswith(ZIP_START):
        expected_rows, rows = open_xlsx(path)
        return Table(encoding="xlsx", separator="", expected_rows=expected_rows, rows=rows)
    _refuse_other_kinds(path, head)
    text = open_csv(path, encoding=encoding, encodings=encodings)
    return Table(encoding=text.encoding, separator=text.separator, expected_rows=text.lines, rows=text.rows)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError as error:
        raise FileMissing(name=path.name) from error
    except OSError as error:
        raise FileUnreadable(name=path.name, why=error.strerror or str(error)) from error
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise EmptyFile(name=path.name)
    return head


def _refuse_other_kinds(path: Path, head: bytes) -> None:
    if head.startswith(OLD_EXCEL_START):
        raise NotATable(name=path.name, kind=_("an Excel file of the old or encrypted kind (.xls)"))
    if head.startswith(PDF_START):
        raise NotATable(name=path.name, kind=_("a PDF"))
    if MARKUP.match(head.removeprefix(b"\xef\xbb\xbf")):
        raise NotATable(name=path.name, kind=_("a web page"))
    if b"\x00" in head and not head.startswith(UTF16_STARTS):
        raise NotATable(name=path.name, kind=_("a file of another kind"))
