from __future__ import annotations

from dataclasses import dataclass

from sandbox.box import Box
from sandbox.clock import DAY
from sandbox.unionpay.refusals import Refused
from sandbox.unionpay.times import clearing_day, stamp
from sandbox.unionpay.trades import Trade, by_id, number_is_used

REFUND, UNDO = "04", "31"
WORKING = 30.0  # seconds from "accepted" to the result; days with the real one
WINDOW = 330 * DAY
NEVER = 36_500 * DAY
DONE = "DONE"  # what it comes to when its time has come; until then it is PENDING
FAILED = "FAILED"
PENDING = "PENDING"
# What is being given back or has been; a refund that came to nothing frees its amount.
CLAIMED = "SELECT COALESCE(SUM(amount_fen), 0) AS fen FROM unionpay_refund WHERE trade_id = ?"
STILL = " AND NOT (outcome = 'FAILED' AND done_at <= ?)"
MOVED = " AND outcome = 'DONE' AND done_at <= ?"


@dataclass(frozen=True)
class Refund:
    """A row of the table of refunds and undoings."""

    id: int
    trade_id: int
    mer_id: str
    order_id: str
    txn_time: str
    txn_type: str
    query_id: str | None
    amount_fen: int
    back_url: str
    reserved: str
    asked_at: float
    done_at: float
    outcome: str

    def standing(self, now: float) -> str:
        return self.outcome if now >= self.done_at else PENDING

    @property
    def settle_day(self) -> str:
        return clearing_day(self.done_at)


@dataclass(frozen=True)
class Wanted:
    """A refund as a merchant asks for it."""

    order_id: str
    txn_time: str
    amount_fen: int
    txn_type: str = REFUND
    back_url: str = ""
    reserved: str = ""


def refund(box: Box, trade: Trade, wanted: Wanted, *, outcome: str = DONE, delay: float = WORKING) -> Refund:
    """
    Accept that money is to be given back; whether it is, time will tell.

    :param outcome: what it comes to
    :param delay: after how many seconds
    :raises Refused: if it is too much, too late, or the number is used
    """
    with box.store.transaction():
        trade = by_id(box, trade.id)
        if number_is_used(box, trade.mer_id, wanted.order_id):
            raise Refused("12", wanted.order_id)
        _check(box, trade, wanted)
        now = box.clock.now()
        columns = vars(wanted) | {"asked_at": now, "done_at": now + delay, "outcome": outcome}
        refund_id = box.store.insert("unionpay_refund", trade_id=trade.id, mer_id=trade.mer_id, **columns)
        box.store.change("unionpay_refund", refund_id, query_id=f"{stamp(now)}1{refund_id:06d}")
        return _by_id(box, refund_id)


def settle(box: Box, refund: Refund, *, outcome: str) -> Refund:
    """Let a refund that hangs come to its end now."""
    box.store.change("unionpay_refund", refund.id, done_at=box.clock.now(), outcome=outcome)
    return _by_id(box, refund.id)


def find(box: Box, *, mer_id: str, order_id: str) -> Refund | None:
    row = box.store.one("SELECT * FROM unionpay_refund WHERE mer_id = ? AND order_id = ?", mer_id, order_id)
    return None if row is None else Refund(**row)


def of_trade(box: Box, trade_id: int) -> list[Refund]:
    rows = box.store.all("SELECT * FROM unionpay_refund WHERE trade_id = ? ORDER BY id", trade_id)
    return [Refund(**row) for row in rows]


def claimed_fen(box: Box, trade: Trade) -> int:
    return _sum(box, CLAIMED + STILL, trade)


def refunded_fen(box: Box, trade: Trade) -> int:
    return _sum(box, CLAIMED + MOVED, trade)


def _sum(box: Box, sql: str, trade: Trade) -> int:
    row = box.store.one(sql, trade.id, box.clock.now())
    return int(row["fen"]) if row else 0


def _check(box: Box, trade: Trade, wanted: Wanted) -> None:
    if not trade.is_paid:
        raise Refused("35", "origQryId")
    claimed = claimed_fen(box, trade)
    if wanted.txn_type == UNDO:
        _check_undo(box, trade, wanted, claimed=claimed)
    elif box.clock.now() > (trade.paid_at or 0) + WINDOW:
        raise Refused("39", "txnTime")
    elif not 0 < wanted.amount_fen <= trade.paid_fen - claimed:
        raise Refused("33", "txnAmt")


def _check_undo(box: Box, trade: Trade, wanted: Wanted, *, claimed: int) -> None:
    if claimed or clearing_day(box.clock.now()) != trade.settle_day:
        raise Refused("35", "origQryId")
    if wanted.amount_fen != trade.paid_fen:
        raise Refused("36", "txnAmt")


def _by_id(box: Box, refund_id: int) -> Refund:
    return Refund(**box.store.all("SELECT * FROM unionpay_refund WHERE id = ?", refund_id)[0])
