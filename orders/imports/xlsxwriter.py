"""
A workbook of one sheet, streamed.

Libraries take "=1+1" for a formula, cut texts off without a word, and need seconds per thousand orders.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import IO, BinaryIO
from xml.sax.saxutils import escape as escape_xml

from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError

from .sheet import CELL_CHARS, escape

SHEET_ROWS = 1_048_576
BUFFERED_ROWS = 500
WHEN = (1980, 1, 1, 0, 0, 0)  # so that the same orders give the same file
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"


class Kind(IntEnum):
    """Of a column; the value is its cell style below."""

    TEXT = 1
    MONEY = 2
    WHOLE = 3


class DoesNotFitSheet(DomainError):
    """What would not survive in a workbook is not written into one."""

    text = _("An XLSX sheet cannot hold this export (%(why)s). Export it as CSV, or fewer orders.")


def write_workbook(
    file: BinaryIO, *, header: Sequence[str], kinds: Sequence[Kind], rows: Iterable[Sequence[str]]
) -> None:
    """
    :param rows: texts; empty cells are left out, and columns of numbers hold numbers as text
    :raises DoesNotFitSheet: if there are more rows, or longer texts, than a sheet can hold
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, content in PARTS.items():
            archive.writestr(_member(name), f'<?xml version="1.0" encoding="UTF-8"?>\n{content}')
        with archive.open(_member("xl/worksheets/sheet1.xml"), "w", force_zip64=True) as sheet:
            sheet.write(SHEET_START.encode())
            sheet.write(_row(1, header, [Kind.TEXT] * len(header)).encode())
            _write_rows(sheet, kinds=kinds, rows=rows)
            sheet.write(b"</sheetData></worksheet>")


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, date_time=WHEN)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _write_rows(sheet: IO[bytes], *, kinds: Sequence[Kind], rows: Iterable[Sequence[str]]) -> None:
    buffer = io.StringIO()
    for row_no, row in enumerate(rows, start=2):
        if row_no > SHEET_ROWS:
            raise DoesNotFitSheet(why=_("more than %d rows") % (SHEET_ROWS - 1))
        buffer.write(_row(row_no, row, kinds))
        if row_no % BUFFERED_ROWS == 0:
            _flush(buffer, sheet)
    _flush(buffer, sheet)


def _flush(buffer: io.StringIO, sheet: IO[bytes]) -> None:
    sheet.write(buffer.getvalue().encode())
    buffer.seek(0)
    buffer.truncate()


def _row(row_no: int, texts: Sequence[str], kinds: Sequence[Kind]) -> str:
    cells = [_cell(f"{LETTERS[place]}{row_no}", text, kinds[place]) for place, text in enumerate(texts) if text]
    return f'<row r="{row_no}">{"".join(cells)}</row>'


def _cell(reference: str, text: str, kind: Kind) -> str:
    if kind is not Kind.TEXT:
        return f'<c r="{reference}" s="{kind.value}"><v>{text}</v></c>'
    if not text.isalnum():
        text = escape_xml(escape(text))
    if len(text) > CELL_CHARS:
        raise DoesNotFitSheet(why=_("the text in %(cell)s is too long") % {"cell": reference})
    return f'<c r="{reference}" s="1" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _letters(place: int) -> str:
    before, letter = divmod(place, 26)
    return (_letters(before - 1) if before else "") + chr(65 + letter)


LETTERS = tuple(_letters(place) for place in range(200))
SHEET_START = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane xSplit="1" ySplit="1" topLeftCell="B2" activePane="bottomRight" state="frozen"/></sheetView>'
    '</sheetViews><sheetFormatPr defaultRowHeight="15" defaultColWidth="16"/><sheetData>'
)
PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{PACKAGE}/content-types">'
        f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{TYPE}.styles+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{TYPE}.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">'
        f'<sheets><sheet name="orders" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>'
    ),
    # Cell styles: 0 general, 1 text (@), 2 money (0.00), 3 whole number (0).
    "xl/styles.xml": (
        f'<styleSheet xmlns="{MAIN}"><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills>'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
        '<cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
        '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" quotePrefix="1"/>'
        '<xf numFmtId="2" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        '<xf numFmtId="1" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    ),
}
