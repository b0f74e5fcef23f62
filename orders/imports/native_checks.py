"""Whether an order of our own layout agrees with itself: what passes here breaks no rule of the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from kernel.money import CNY, yuan
from orders.records import ImportedLine, ImportedShipment

from .cells import BadCell, clip
from .native import ALLOWED, ORDER_COLUMNS

HEADERS = {column.name: column.header for column in ORDER_COLUMNS}
LONGEST_TAG = 40
LARGEST_LINE_NO = 32_767


def check_facts(facts: Mapping[str, Any]) -> None:
    """:raises BadCell: if something needed is missing, or a code is none of ours"""
    if facts["placed_at"] is None:
        raise BadCell("no_date", column=HEADERS["placed_at"])
    if not facts["state"]:
        raise BadCell("no_state")
    if facts.get("currency", CNY) not in {CNY, ""}:
        raise BadCell("other_currency", value=clip(facts["currency"]))
    for name, allowed in ALLOWED.items():
        if facts.get(name, "") not in allowed:
            raise BadCell("unknown_value", column=HEADERS[name], value=clip(facts[name]))
    long_tag = next((tag for tag in facts.get("tags", ()) if len(tag) > LONGEST_TAG), None)
    if long_tag is not None:
        raise BadCell("too_long", column=HEADERS["tags"], value=clip(long_tag), limit=str(LONGEST_TAG))


def add_up(facts: dict[str, Any], lines: Sequence[ImportedLine]) -> None:
    """
    What the file leaves out follows from the lines; what it says must agree with them.

    :raises BadCell: lines_differ, or refunded_above_paid
    """
    facts.setdefault("subtotal_fen", sum(line.unit_price_fen * line.quantity for line in lines))
    facts.setdefault("discount_fen", sum(line.discount_fen for line in lines))
    facts.setdefault("adjustment_fen", sum(line.adjustment_fen for line in lines))
    shipping_fen = facts.get("shipping_fen", 0)
    by_order_fen = facts["subtotal_fen"] - facts["discount_fen"] + facts["adjustment_fen"] + shipping_fen
    by_lines_fen = sum(line.total_fen for line in lines) + shipping_fen
    wrong = next((fen for fen in (by_order_fen, by_lines_fen) if fen != facts["total_fen"]), None)
    if wrong is not None:
        raise BadCell("lines_differ", lines=yuan(wrong), total=yuan(facts["total_fen"]))
    _check_refunds(facts, lines)


def _check_refunds(facts: Mapping[str, Any], lines: Sequence[ImportedLine]) -> None:
    paid_fen, refunded_fen = facts.get("paid_fen", 0), facts.get("refunded_fen", 0)
    shipping_refunded_fen = facts.get("shipping_refunded_fen", 0)
    shares = [(refunded_fen, paid_fen), (shipping_refunded_fen, facts.get("shipping_fen", 0))]
    shares += [(line.refunded_fen, line.total_fen) for line in lines]
    shares.append((sum(line.refunded_fen for line in lines) + shipping_refunded_fen, refunded_fen))
    for part_fen, whole_fen in shares:
        if part_fen > whole_fen:
            raise BadCell("refunded_above_paid", refunded=yuan(part_fen), paid=yuan(whole_fen))


def check_parcels(lines: Sequence[ImportedLine], shipments: Sequence[ImportedShipment]) -> None:
    """:raises BadCell: if a line number is there twice, or a parcel holds what was not ordered"""
    ordered = {line.line_no: line.quantity for line in lines}
    if len(ordered) != len(lines) or max(ordered, default=1) > LARGEST_LINE_NO:
        raise BadCell("line_numbers")
    for shipment in shipments:
        if any(count > 1 for count in Counter(line_no for line_no, _quantity in shipment.lines).values()):
            raise BadCell("line_numbers")
        for line_no, quantity in shipment.lines:
            ordered[line_no] = ordered.get(line_no, 0) - quantity
            if not quantity or ordered[line_no] < 0:
                raise BadCell("packed_too_much", line=str(line_no), tracking=clip(shipment.tracking_no))
