"""Our own layout, read: rows of an order together, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple

from kernel.money import CNY, yuan
from orders.records import TEXT_LIMITS, ImportedLine, ImportedOrder, ImportedShipment, Reason, Rejected

from .cells import BadCell, clip
from .native import (
    LINE,
    LINE_COLUMNS,
    LINE_NO,
    ORDER_COLUMNS,
    PARCEL,
    PARCEL_COLUMNS,
    PARCEL_NO,
    PARCEL_QUANTITY,
    ROW_COUNT,
    ROW_KIND,
    Column,
)
from .native_checks import add_up, check_facts, check_parcels
from .row import HASH_BYTES

Row = tuple[int, list[str]]
IDENTITY = tuple(column for column in ORDER_COLUMNS if column.name in {"order_no", "source", "external_order_no"})
QUANTITY_HEADER = next(column.header for column in LINE_COLUMNS if column.name == "quantity")
SINGLE_COLUMNS = (ROW_COUNT, ROW_KIND, LINE_NO, PARCEL_NO, PARCEL_QUANTITY)
DEFAULTS = {"source": "import", "order_type": "payment_order", "currency": CNY}  # where people leave them out
ROWS_OF_AN_ORDER = 2_000  # held at once


def read_rows(*, headers: Sequence[str], rows: Iterator[Row]) -> Iterator[ImportedOrder | Rejected]:
    """An order per group of rows; a refused one brings all its rows, so that the rejects can be imported again."""
    layout = NativeLayout(headers)
    for _identity, group in groupby(map(layout.fitted, rows), key=layout.identity):
        same_order = list(islice(group, ROWS_OF_AN_ORDER + 1))
        try:
            yield layout.order(same_order)
        except BadCell as bad:
            yield layout.reject(same_order, bad)


class Bound(NamedTuple):
    """A column of ours where this file has it."""

    column: Column
    place: int
    blank: Any
    limit: int

    def read(self, cells: list[str]) -> Any:
        text = cells[self.place]
        if not text:
            return self.blank
        try:
            value = self.column.codec.read(text)
        except BadCell as bad:
            bad.facts |= {"column": self.column.header, "value": clip(text)}
            raise
        if self.limit and len(text) > self.limit and len(value) > self.limit:
            raise BadCell("too_long", column=self.column.header, value=clip(text), limit=str(self.limit))
        return value


class NativeLayout:
    """The columns of one file; what is missing of ours keeps the default of its field."""

    def __init__(self, headers: Sequence[str]) -> None:
        self.headers = tuple(headers)
        self.order_columns, self.line_columns, self.parcel_columns = map(
            self._bind, (ORDER_COLUMNS, LINE_COLUMNS, PARCEL_COLUMNS)
        )
        self.single = {bound.column: bound for bound in self._bind(SINGLE_COLUMNS)}
        self.own_places = [bound.place for bound in self.order_columns]
        self.own_cells = itemgetter(*self.own_places)
        self.identity_places = [it.place for it in self.order_columns if it.column in IDENTITY]

    def _bind(self, columns: tuple[Column, ...]) -> list[Bound]:
        places = {header: index for index, header in enumerate(self.headers)}
        return [
            Bound(column, places[column.header], column.codec.read(""), TEXT_LIMITS.get(column.name, 0))
            for column in columns
            if column.header in places
        ]

    def fitted(self, row: Row) -> Row:
        row_no, cells = row
        return row_no, cells + [""] * (len(self.headers) - len(cells))

    def identity(self, row: Row) -> tuple[str, ...]:
        return tuple(row[1][place] for place in self.identity_places)

    def order(self, rows: list[Row]) -> ImportedOrder:
        self._check_rows(rows)
        first = rows[0][1]
        parts = [(self.value(cells, ROW_KIND), cells) for _row_no, cells in rows]
        facts = _values(self.order_columns, first)
        check_facts(facts)
        of_lines = [cells for kind, cells in parts if kind != PARCEL and not self._is_empty(cells)]
        lines = tuple(self._line(cells, place) for place, cells in enumerate(of_lines, start=1))
        add_up(facts, lines)
        shipments = self._shipments([cells for kind, cells in parts if kind == PARCEL])
        check_parcels(lines, shipments)
        return ImportedOrder(
            row_no=rows[0][0],
            rows=len(rows),
            row_hash=_hash(rows),
            lines=lines,
            shipments=shipments,
            **(DEFAULTS | {name: value for name, value in facts.items() if value or name not in DEFAULTS}),
        )

    def reject(self, rows: list[Row], bad: BadCell) -> Rejected:
        raws = [dict(zip(self.headers, cells, strict=False)) for _row_no, cells in rows]
        return Rejected(row_no=rows[0][0], reason=Reason(bad.code, bad.facts), raw=raws[0], more=tuple(raws[1:]))

    def value(self, cells: list[str], column: Column) -> Any:
        bound = self.single.get(column)
        return column.codec.read("") if bound is None else bound.read(cells)

    def _check_rows(self, rows: list[Row]) -> None:
        first, order = rows[0][1], " ".join(self.identity(rows[0])).strip()
        if not order:
            raise BadCell("no_order_number")
        if len(rows) > ROWS_OF_AN_ORDER:
            raise BadCell("too_many_rows", order=clip(order), limit=str(ROWS_OF_AN_ORDER))
        expected = self.value(first, ROW_COUNT)
        if expected and expected != len(rows):
            raise BadCell("rows_apart", order=clip(order), rows=str(len(rows)), expected=str(expected))
        for _row_no, cells in rows:
            self._check_row(cells, first, order=clip(order))

    def _check_row(self, cells: list[str], first: list[str], *, order: str) -> None:
        beyond = "".join(cells[len(self.headers) :]).strip()
        if beyond:
            raise BadCell("cells_beyond_header", value=clip(beyond))
        if self.own_cells(cells) != self.own_cells(first):
            differing = next(place for place in self.own_places if cells[place] != first[place])
            raise BadCell("rows_disagree", column=self.headers[differing], order=order)
        if self.value(cells, ROW_KIND) not in {LINE, PARCEL, ""}:
            raise BadCell("unknown_value", column=ROW_KIND.header, value=clip(self.value(cells, ROW_KIND)))

    def _is_empty(self, cells: list[str]) -> bool:
        """An order without lines has one line row that says nothing."""
        return not self.value(cells, LINE_NO) and not any(cells[bound.place] for bound in self.line_columns)

    def _line(self, cells: list[str], place: int) -> ImportedLine:
        facts: dict[str, Any] = {"title": "—", "unit_price_fen": 0} | _values(self.line_columns, cells)
        if not facts.get("quantity"):
            raise BadCell("unreadable_number", column=QUANTITY_HEADER, value="")
        if "total_fen" not in facts:
            facts["total_fen"] = _line_total(facts)
        if facts["total_fen"] != _line_total(facts):
            raise BadCell("lines_differ", lines=yuan(_line_total(facts)), total=yuan(facts["total_fen"]))
        return ImportedLine(line_no=self.value(cells, LINE_NO) or place, **facts)

    def _shipments(self, rows: list[list[str]]) -> tuple[ImportedShipment, ...]:
        parcels: dict[int, tuple[dict[str, Any], list[tuple[int, int]]]] = {}
        for cells in rows:
            facts = _values(self.parcel_columns, cells)
            _facts, lines = parcels.setdefault(self.value(cells, PARCEL_NO), (facts, []))
            line_no, quantity = self.value(cells, LINE_NO), self.value(cells, PARCEL_QUANTITY)
            if line_no or quantity:
                lines.append((line_no, quantity))
        return tuple(ImportedShipment(**facts, lines=tuple(lines)) for facts, lines in parcels.values())


def _values(columns: list[Bound], cells: list[str]) -> dict[str, Any]:
    return {bound.column.name: bound.read(cells) for bound in columns}


def _line_total(facts: dict[str, Any]) -> int:
    gross_fen: int = facts["unit_price_fen"] * facts["quantity"]
    total_fen: int = gross_fen - facts.get("discount_fen", 0) + facts.get("adjustment_fen", 0)
    return total_fen


def _hash(rows: list[Row]) -> bytes:
    text = "\x1e".join("\x1f".join(cells) for _row_no, cells in rows)
    return blake2b(text.encode(), digest_size=HASH_BYTES).digest()
