from __future__ import annotations

from dataclasses import dataclass
from sqlite3 import Row

from sandbox import dice
from sandbox.box import Box
from sandbox.clock import DAY, moment
from sandbox.wechatpay import trades
from sandbox.wechatpay.refusals import Refused, not_consistent
from sandbox.wechatpay.trades import Trade

PROCESSING, SUCCESS, CLOSED, ABNORMAL = "PROCESSING", "SUCCESS", "CLOSED", "ABNORMAL"
DELAY = 2.0  # seconds from accepting a refund to its end, unless the fault refund_delay says otherwise
WINDOW = 365 * DAY
AT_MOST = 50


@dataclass(frozen=True)
class Refund:
    """A row of the table of refunds."""

    id: int
    trade_id: int
    mchid: str
    out_refund_no: str
    refund_id: str
    amount_fen: int
    reason: str
    notify_url: str
    request: str
    state: str
    fate: str  # how it ends once its time has come
    asked_at: float
    due_at: float | None  # None: it is stuck
    done_at: float | None


@dataclass(frozen=True)
class Wanted:
    """A refund as a merchant asks for it; the same number is the same refund."""

    out_refund_no: str
    amount_fen: int
    total_fen: int
    reason: str
    notify_url: str
    request: str


@dataclass(frozen=True)
class Outcome:
    refund: Refund
    trade: Trade
    is_new: bool


def refund(box: Box, trade: Trade, wanted: Wanted, *, fate: str = SUCCESS, delay: float | None = DELAY) -> Outcome:
    """
    Accept a refund, once for each number; the money moves later.

    :param fate: how it ends
    :param delay: after how many seconds; None: never
    :raises Refused: if it is too much, too late, or the number stands for another refund
    """
    with box.store.transaction():
        settle(box)
        trade = trades.by_id(box, trade.id)
        known = find(box, trade.mchid, wanted.out_refund_no)
        if known is not None:
            if (known.trade_id, known.request) != (trade.id, wanted.request):
                raise not_consistent("该商户退款单号")
            return Outcome(known, trade, is_new=False)
        _check(box, trade, wanted)
        fresh = _ask(box, trade, wanted, fate=fate, delay=delay)
        box.store.change("wechatpay_trade", trade.id, state=trades.REFUND)
        settle(box)
        return Outcome(by_id(box, fresh), trades.by_id(box, trade.id), is_new=True)


def retry(box: Box, refund: Refund, *, delay: float = DELAY) -> Refund:
    """
    Send an abnormal refund to another account of the buyer, or to the merchant's.

    :raises Refused: if it is not abnormal
    """
    sql = "UPDATE wechatpay_refund SET state = ?, fate = ?, due_at = ? WHERE id = ? AND state = ?"
    due_at = box.clock.now() + delay
    if not box.store.run(sql, PROCESSING, SUCCESS, due_at, refund.id, ABNORMAL):
        raise Refused("INVALID_REQUEST", f"退款单状态为 {refund.state}，只有 ABNORMAL 可以发起异常退款")
    return by_id(box, refund.id)


def finish(box: Box, refund: Refund, *, fate: str = "") -> Refund:
    """Let a refund end now, stuck or not."""
    now = box.clock.now()
    box.store.change("wechatpay_refund", refund.id, due_at=now, fate=fate or refund.fate)
    settle(box)
    return by_id(box, refund.id)


def settle(box: Box) -> None:
    """End the refunds whose time has come."""
    with box.store.transaction():
        sql = "SELECT * FROM wechatpay_refund WHERE state = ? AND due_at <= ? ORDER BY due_at, id"
        for row in box.store.all(sql, PROCESSING, box.clock.now()):
            _end(box, row)


def _end(box: Box, row: Row) -> None:
    box.store.change("wechatpay_refund", row["id"], state=row["fate"], done_at=row["due_at"])
    if row["fate"] == SUCCESS:
        moved = "UPDATE wechatpay_trade SET refunded_fen = refunded_fen + ? WHERE id = ?"
        box.store.run(moved, row["amount_fen"], row["trade_id"])


def by_id(box: Box, refund_id: int) -> Refund:
    settle(box)
    return Refund(**box.store.all("SELECT * FROM wechatpay_refund WHERE id = ?", refund_id)[0])


def find(box: Box, mchid: str, out_refund_no: str) -> Refund | None:
    settle(box)
    sql = "SELECT * FROM wechatpay_refund WHERE mchid = ? AND out_refund_no = ?"
    row = box.store.one(sql, mchid, out_refund_no)
    return None if row is None else Refund(**row)


def find_by_refund_id(box: Box, mchid: str, refund_id: str) -> Refund | None:
    settle(box)
    row = box.store.one("SELECT * FROM wechatpay_refund WHERE mchid = ? AND refund_id = ?", mchid, refund_id)
    return None if row is None else Refund(**row)


def of_trade(box: Box, trade_id: int) -> list[Refund]:
    settle(box)
    rows = box.store.all("SELECT * FROM wechatpay_refund WHERE trade_id = ? ORDER BY id", trade_id)
    return [Refund(**row) for row in rows]


def _check(box: Box, trade: Trade, wanted: Wanted) -> None:
    if not trade.is_paid:
        raise Refused("RESOURCE_NOT_EXISTS", "订单未支付，无法退款")
    if wanted.total_fen != trade.paid_fen:
        raise Refused("INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试")
    if box.clock.now() > (trade.paid_at or 0) + WINDOW:
        raise Refused("INVALID_REQUEST", "订单已超过可退款的最大期限（1 年）")
    others = of_trade(box, trade.id)
    if len(others) >= AT_MOST:
        raise Refused("INVALID_REQUEST", f"部分退款次数超过限制（{AT_MOST} 次）")
    if wanted.amount_fen > trade.paid_fen - sum(it.amount_fen for it in others if it.state != CLOSED):
        raise Refused("INVALID_REQUEST", "订单已全额退款，或申请退款金额超过可退金额")


def _ask(box: Box, trade: Trade, wanted: Wanted, *, fate: str, delay: float | None) -> int:
    now = box.clock.now()
    asked = {name: value for name, value in vars(wanted).items() if name != "total_fen"}
    serial = dice.number(box.seed, "refund", trade.mchid, wanted.out_refund_no, below=10**17)
    return box.store.insert(
        "wechatpay_refund",
        trade_id=trade.id,
        mchid=trade.mchid,
        refund_id=f"5030{moment(now):%Y%m%d}{serial:017d}",
        state=PROCESSING,
        fate=fate,
        asked_at=now,
        due_at=None if delay is None else now + delay,
        **asked,
    )
