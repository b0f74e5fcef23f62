"""A look into a file before anything is written: its layout, its first rows, and what would become of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from orders.records import ImportedOrder, Reason, Rejected
from orders.services.importing import foresee

from .profile import Profile
from .reading import AUTO, ImportFile, read_orders

CHUNK = 1_000
FIRST_ROWS = 2_000
SHOWN_REFUSALS = 20


@dataclass(slots=True)
class Tally:
    """What would become of rows, and why some would be refused."""

    new: int = 0
    unchanged: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    assumed: Counter[str] = field(default_factory=Counter)

    @property
    def rejected(self) -> int:
        return sum(self.refused.values())

    @property
    def rows(self) -> int:
        return self.new + self.unchanged + self.rejected

    def add(self, chunk: list[ImportedOrder | Rejected]) -> list[tuple[int, Reason]]:
        """:return: the refused rows of the chunk with their reasons, in the order of the file"""
        orders = [row for row in chunk if isinstance(row, ImportedOrder)]
        result = foresee(rows=orders)
        self.new += result.created
        self.unchanged += result.unchanged
        refused = [(row.row_no, row.reason) for row in chunk if isinstance(row, Rejected)]
        refused += [(row.row_no, reason) for row, reason in result.refused]
        self.refused.update(reason.code for _row_no, reason in refused)
        self.assumed.update(code for order in orders for code in {warning.code for warning in order.warnings})
        return sorted(refused, key=lambda it: it[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """
    :param is_whole: whether the tally is of the whole file; of a long one it is of the first rows
    :param refusals: the first refused rows
    """

    profile: Profile
    encoding: str
    separator: str
    headers: tuple[str, ...]
    unmatched: tuple[str, ...]
    samples: tuple[Mapping[str, str], ...]
    expected_rows: int
    tally: Tally
    is_whole: bool
    refusals: tuple[tuple[int, Reason], ...]


def preview(path: Path, *, profile: str = AUTO, encoding: str = "") -> Preview:
    """
    :raises ImportRefused: if the file cannot be read as orders
    """
    tally = Tally()
    with read_orders(path, profile=profile, encoding=encoding or None) as file:
        first = islice(file.rows, FIRST_ROWS)
        refused = [it for found in tallied(first, tally) for it in found]
        return Preview(
            profile=file.profile,
            encoding=file.encoding,
            separator=file.separator,
            headers=file.headers,
            unmatched=_unmatched(file),
            samples=file.samples,
            expected_rows=file.expected_rows or 0,
            tally=tally,
            is_whole=next(file.rows, None) is None,
            refusals=tuple(refused[:SHOWN_REFUSALS]),
        )


def tallied(rows: Iterator[ImportedOrder | Rejected], tally: Tally) -> Iterator[list[tuple[int, Reason]]]:
    """Count what would become of rows; hands out the refused ones, chunk by chunk."""
    while chunk := list(islice(rows, CHUNK)):
        yield tally.add(chunk)


def _unmatched(file: ImportFile) -> tuple[str, ...]:
    return tuple(header for header in file.headers if header not in file.matched_headers)
