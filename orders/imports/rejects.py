"""The refused rows of a file with their reasons, as a file that can be put right and imported again."""

from __future__ import annotations

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from orders.records import ImportedOrder, Reason, Rejected

from .cells import FORMULA_STARTS
from .headers import REJECT_HEADERS
from .reading import AUTO, read_cells, read_orders

LONGEST_SAFE_NUMBER = 11  # digits; of a longer one, spreadsheets may keep an approximation
Cells = tuple[int, list[str]]
NO_MORE = (0, Reason(""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """:param rows: of the file, all rows of the order, by header"""

    row_no: int
    reason: Reason
    rows: Sequence[Mapping[str, str]]


def refused_rows(
    path: Path, *, profile: str = AUTO, encoding: str = "", wanted: Iterator[tuple[int, Reason]]
) -> Iterator[Refused]:
    """
    Rows of a file, read again, with why they were refused.

    :param wanted: row numbers in the order of the file; the reason counts for what can be read as an order
    """
    row_no, reason = next(wanted, NO_MORE)
    if not row_no:
        return
    with read_orders(path, profile, encoding or None) as file:
        cells = read_cells(path, profile, encoding or None)
        for row in file.rows:
            if row.row_no != row_no:
                continue
            if isinstance(row, Rejected):
                yield Refused(row_no=row_no, reason=row.reason, rows=(row.raw, *row.more))
            else:
                rows = [dict(zip(file.headers, it, strict=False)) for it in _cells_of(row, cells)]
                yield Refused(row_no=row_no, reason=reason, rows=rows)
            row_no, reason = next(wanted, NO_MORE)
            if not row_no:
                return


def _cells_of(row: ImportedOrder, cells: Iterator[Cells]) -> list[list[str]]:
    """:param cells: the rows of the file, not yet read beyond this one"""
    first = next(found for row_no, found in cells if row_no == row.row_no)
    return [first, *(found for _row_no, found in islice(cells, row.rows - 1))]


def headers_of(path: Path, *, profile: str = AUTO, encoding: str = "") -> tuple[str, ...]:
    with read_orders(path, profile, encoding or None) as file:
        return file.headers


def rejects_csv(refused: Iterable[Refused], headers: Sequence[str]) -> Iterator[bytes]:
    """Row by row, for a file or a response. Each row of a refused order says why."""
    columns = [header for header in headers if header not in REJECT_HEADERS]
    yield BOM_UTF8 + _line([*REJECT_HEADERS, *columns])
    for order in refused:
        why = order.reason.message
        for row in order.rows:
            yield _line([str(order.row_no), why, *(_safe(row.get(name, "")) for name in columns)])


def _line(cells: Iterable[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode()


def _safe(cell: str) -> str:
    """A spreadsheet shows it as text: it runs nothing, and leaves long numbers whole."""
    if cell.startswith('="') and cell.endswith('"'):
        cell = cell[2:-1]
    is_long = cell.isdigit() and len(cell) > LONGEST_SAFE_NUMBER
    return f"'{cell}" if is_long or cell.startswith(FORMULA_STARTS) else cell
