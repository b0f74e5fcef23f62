"""The statement of a clearing day: a fixed-width `ZM` file in GBK, in a ZIP, deflated once more, in Base64."""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from sandbox import faults
from sandbox.box import Box
from sandbox.fees import fee_fen
from sandbox.unionpay import refunds, trades
from sandbox.unionpay.accounts import Merchant
from sandbox.unionpay.facts import trace_no
from sandbox.unionpay.refunds import Refund
from sandbox.unionpay.refusals import Refused, malformed
from sandbox.unionpay.times import clearing_span, latest
from sandbox.unionpay.trades import QR, Trade

WIDTHS = (
    *(3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32),
    *(13, 13, 8, 32, 13, 13, 12, 2, 1, 131),
)
RATE = 38  # 0.38 %; the sandbox's own choice
CODES = {"01": "S22", refunds.REFUND: "S30", refunds.UNDO: "S32"}


@dataclass(frozen=True)
class Line:
    """A row before it is cut to its widths."""

    txn_type: str
    order_id: str
    txn_time: str
    query_id: str
    original: str  # queryId of the payment, for what gives back
    trace_no: str
    card_no: str
    fen: int
    scope: str  # the payment's order number
    sub_type: str
    biz_type: str
    other_fee_fen: int | None = None  # in place of the rate's

    @property
    def is_payment(self) -> bool:
        return self.txn_type == "01"


def file(box: Box, merchant: Merchant, *, settle_date: str) -> tuple[str, str]:
    """
    Name and content of the statement of the last clearing day that was this MMDD.

    :raises Refused: if the day is none, is not over, or had no transactions
    """
    try:
        day = latest(settle_date, now=box.clock.now())
    except ValueError:
        raise malformed("settleDate") from None
    early = faults.take(box, "day", scope=faults.EVERYWHERE, gateway="unionpay")
    lines = _lines(box, merchant, day)
    if not lines or not (early or clearing_span(day)[1] <= box.clock.now()):
        raise Refused("98")
    told = [faulty for line in lines for faulty in _faulty(box, line)]
    return f"{merchant.mer_id}_{day}.zip", packed(merchant, day, told)


def packed(merchant: Merchant, day: str, lines: list[Line]) -> str:
    content = "".join(f"{_row(merchant, line)}\r\n" for line in lines)
    zipped = BytesIO()
    with ZipFile(zipped, "w", ZIP_DEFLATED) as archive:
        archive.writestr(f"INN{day[2:]}88ZM_{merchant.mer_id}", content.encode("gbk"))
        archive.writestr(f"INN{day[2:]}88ZME_{merchant.mer_id}", b"")
    return b64encode(zlib.compress(zipped.getvalue())).decode()


def _lines(box: Box, merchant: Merchant, day: str) -> list[Line]:
    start, end = clearing_span(day)
    paid = "SELECT id FROM unionpay_trade WHERE mer_id = ? AND paid_at >= ? AND paid_at < ? ORDER BY paid_at, id"
    back = (
        "SELECT order_id FROM unionpay_refund WHERE mer_id = ? AND done_at >= ? AND done_at < ?"
        " AND outcome = 'DONE' AND done_at <= ? ORDER BY done_at, id"
    )
    payments = [trades.by_id(box, row["id"]) for row in box.store.all(paid, merchant.mer_id, start, end)]
    given_back = [
        refunds.find(box, mer_id=merchant.mer_id, order_id=row["order_id"])
        for row in box.store.all(back, merchant.mer_id, start, end, box.clock.now())
    ]
    lines = [_of_refund(trades.by_id(box, refund.trade_id), refund) for refund in given_back if refund]
    return [*(_of_trade(trade) for trade in payments), *lines]


def _of_trade(trade: Trade) -> Line:
    return Line(
        txn_type="01",
        order_id=trade.order_id,
        txn_time=trade.txn_time,
        query_id=trade.query_id or "",
        original="",
        trace_no=trace_no(trade.id),
        card_no=trade.card_no,
        fen=trade.paid_fen,
        scope=trade.order_id,
        sub_type="07" if trade.kind == QR else "01",
        biz_type=trade.biz_type,
    )


def _of_refund(trade: Trade, refund: Refund) -> Line:
    return replace(
        _of_trade(trade),
        txn_type=refund.txn_type,
        order_id=refund.order_id,
        txn_time=refund.txn_time,
        query_id=refund.query_id or "",
        original=trade.query_id or "",
        trace_no=trace_no(500_000 + refund.id),
        fen=refund.amount_fen,
        sub_type="00",
    )


def _faulty(box: Box, line: Line) -> Iterator[Line]:
    taken = faults.take(box, "bill", scope=line.scope, gateway="unionpay")
    values = {control.fault: control.value for control in taken}
    if "bill_missing" not in values:
        told = replace(
            line,
            fen=max(1, line.fen + int(values.get("bill_changed", 0))),
            other_fee_fen=int(values["bill_fee"]) if "bill_fee" in values else None,
        )
        yield from [told] * (2 if "bill_duplicate" in values else 1)
    if "bill_extra" in values:
        yield replace(line, order_id=f"{line.order_id}X"[-32:], query_id=f"9{line.query_id[1:]}")


def fee_of(line: Line) -> int:
    """Of payments only; it is not given back."""
    if not line.is_payment:
        return 0
    return fee_fen(line.fen, rate=RATE) if line.other_fee_fen is None else line.other_fee_fen


def _row(merchant: Merchant, line: Line) -> str:
    fee = fee_of(line)
    sign = "C" if line.is_payment else "D"
    told = {
        1: CODES[line.txn_type],
        2: "00010000",
        3: "00010000",
        4: line.trace_no,
        5: line.txn_time[4:],
        6: line.card_no,
        7: f"{line.fen:012d}",
        8: "5411",
        9: "07",
        10: line.query_id,
        12: line.order_id,
        13: "01",
        16: f"D{fee:012d}",
        17: f"{sign}{line.fen - fee:012d}",
        20: line.txn_type,
        21: line.sub_type,
        22: line.biz_type,
        27: line.original,
        28: merchant.mer_id,
        33: f"{sign}{line.fen - fee:012d}",
        34: "00000001",
    }
    return " ".join(told.get(number, "").ljust(width)[:width] for number, width in enumerate(WIDTHS, start=1))
