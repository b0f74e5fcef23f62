from __future__ import annotations

from dataclasses import dataclass

from sandbox.alipay.refusals import Refused, wrong_state
from sandbox.alipay.trades import CLOSED, FINISHED, SUCCESS, Trade, by_id
from sandbox.box import Box
from sandbox.clock import DAY

DONE = "DONE"
STUCK = "STUCK"  # accepted, but no money has moved
WINDOW = 365 * DAY


@dataclass(frozen=True)
class Refund:
    """A row of the table of refunds."""

    id: int
    trade_id: int
    out_request_no: str
    amount_fen: int
    reason: str
    state: str
    asked_at: float
    done_at: float | None


@dataclass(frozen=True)
class Wanted:
    """A refund as a merchant asks for it; the same number is the same refund."""

    out_request_no: str
    amount_fen: int
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    refund: Refund
    trade: Trade
    moved: bool  # by this call; a repeat moves nothing


def refund(box: Box, trade: Trade, wanted: Wanted, *, stuck: bool = False) -> Outcome:
    """
    Give money back, once for each number.

    :param stuck: accept it, but move nothing
    :raises Refused: if it is too much, too late, or the number stands for another amount
    """
    with box.store.transaction():
        trade = by_id(box, trade.id)
        known = find(box, trade, wanted.out_request_no)
        if known is not None and known.amount_fen != wanted.amount_fen:
            raise Refused("40004", "ACQ.DISCORDANT_REPEAT_REQUEST", "同一退款请求号的金额与历史请求不一致")
        if known is None or known.state == STUCK:
            _check(box, trade, amount_fen=wanted.amount_fen)
        known = known or _ask(box, trade, wanted)
        moved = known.state == STUCK and not stuck
        if moved:
            _move(box, trade, known)
        return Outcome(_by_id(box, known.id), by_id(box, trade.id), moved)


def find(box: Box, trade: Trade, out_request_no: str) -> Refund | None:
    sql = "SELECT * FROM refund WHERE trade_id = ? AND out_request_no = ?"
    row = box.store.one(sql, trade.id, out_request_no)
    return None if row is None else Refund(**row)


def of_trade(box: Box, trade_id: int) -> list[Refund]:
    return [Refund(**row) for row in box.store.all("SELECT * FROM refund WHERE trade_id = ? ORDER BY id", trade_id)]


def _check(box: Box, trade: Trade, *, amount_fen: int) -> None:
    if not trade.is_paid:
        raise wrong_state(trade.state)
    if trade.state == FINISHED or box.clock.now() > (trade.paid_at or 0) + WINDOW:
        raise Refused("40004", "ACQ.TRADE_HAS_FINISHED", "交易已完结，不允许退款")
    if trade.state == CLOSED:
        raise Refused("40004", "ACQ.TRADE_HAS_CLOSE", "交易已经关闭（已全额退款）")
    if amount_fen > trade.left_fen:
        raise Refused("40004", "ACQ.REASON_TRADE_REFUND_FEE_ERR", "退款金额无效：超过可退金额")


def _ask(box: Box, trade: Trade, wanted: Wanted) -> Refund:
    now = box.clock.now()
    return _by_id(box, box.store.insert("refund", trade_id=trade.id, state=STUCK, asked_at=now, **vars(wanted)))


def _by_id(box: Box, refund_id: int) -> Refund:
    return Refund(**box.store.all("SELECT * FROM refund WHERE id = ?", refund_id)[0])


def _move(box: Box, trade: Trade, refund: Refund) -> None:
    now = box.clock.now()
    box.store.change("refund", refund.id, state=DONE, done_at=now)
    emptied = refund.amount_fen == trade.left_fen
    box.store.change(
        "trade",
        trade.id,
        refunded_fen=trade.refunded_fen + refund.amount_fen,
        state=CLOSED if emptied else SUCCESS,
        closed_at=now if emptied else None,
    )
