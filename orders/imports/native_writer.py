"""Our own layout, written: text stays text in any spreadsheet, numbers stay numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from orders.records import ExportedOrder

from .codec import guard, guard_in_sheet
from .native import COLUMNS, HEADERS, row_texts
from .xlsxwriter import Kind, write_workbook

CHUNK_CHARS = 1 << 16
GUARDED = tuple(place for place, column in enumerate(COLUMNS) if not column.codec.is_number)
KINDS = tuple(
    Kind.TEXT if not column.codec.is_number else Kind.MONEY if column.name.endswith("_fen") else Kind.WHOLE
    for column in COLUMNS
)


def csv_chunks(orders: Iterable[ExportedOrder], *, encoding: str = "utf-8-sig") -> Iterator[bytes]:
    """
    The file piece by piece, for a response or a file; the same orders give the same bytes.

    :param encoding: utf-8-sig lets Excel read it without asking; utf-8 and gb18030 work as well
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(HEADERS)
    bom, encoding = ("\ufeff", "utf-8") if encoding == "utf-8-sig" else ("", encoding)
    yield bom.encode(encoding)
    for order in orders:
        writer.writerows(_guarded(row) for row in row_texts(order))
        if buffer.tell() > CHUNK_CHARS:
            yield _drain(buffer).encode(encoding)
    yield _drain(buffer).encode(encoding)


def write_csv(file: BinaryIO, orders: Iterable[ExportedOrder], *, encoding: str = "utf-8-sig") -> None:
    file.writelines(csv_chunks(orders, encoding=encoding))


def _guarded(row: list[str]) -> list[str]:
    for place in GUARDED:
        if row[place]:
            row[place] = guard(row[place])
    return row


def _drain(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def write_xlsx(file: BinaryIO, orders: Iterable[ExportedOrder]) -> None:
    """
    The same columns as a workbook; every text is a text cell, whatever it looks like.

    :raises DoesNotFitSheet: if there are more rows, or longer texts, than a sheet can hold
    """
    write_workbook(file, header=HEADERS, kinds=KINDS, rows=_sheet_rows(orders))


def _sheet_rows(orders: Iterable[ExportedOrder]) -> Iterator[list[str]]:
    for order in orders:
        for row in row_texts(order):
            for place in GUARDED:
                if row[place]:
                    row[place] = guard_in_sheet(row[place])
            yield row
