from __future__ import annotations

from dataclasses import dataclass
from secrets import token_urlsafe

from sandbox import dice
from sandbox.alipay.accounts import Account
from sandbox.alipay.refusals import Refused, no_such_trade, wrong_state
from sandbox.box import Box
from sandbox.clock import moment

OFFERED = "NOT_SCANNED"  # the sandbox's own word: on Alipay's side there is no trade yet
VOID = "CANCELLED_UNSCANNED"  # likewise: cancelled before anybody scanned it
WAITING = "WAIT_BUYER_PAY"
SUCCESS = "TRADE_SUCCESS"
FINISHED = "TRADE_FINISHED"
CLOSED = "TRADE_CLOSED"


@dataclass(frozen=True)
class Order:
    """What a merchant asks a buyer to pay."""

    out_trade_no: str
    product: str
    subject: str
    body: str
    total_fen: int
    notify_url: str
    return_url: str
    passback_params: str
    charset: str
    expires_at: float


@dataclass(frozen=True)
class Trade:
    """A row of the table of trades."""

    id: int
    app_id: str
    out_trade_no: str
    code: str
    product: str
    subject: str
    body: str
    total_fen: int
    notify_url: str
    return_url: str
    passback_params: str
    charset: str
    offered_at: float
    expires_at: float
    state: str
    trade_no: str | None
    buyer: int
    created_at: float | None
    paid_at: float | None
    closed_at: float | None
    paid_fen: int
    refunded_fen: int

    @property
    def exists(self) -> bool:
        """Whether Alipay knows of it: not before the buyer scans or signs in."""
        return self.trade_no is not None

    @property
    def is_paid(self) -> bool:
        return self.paid_at is not None

    @property
    def charged_fen(self) -> int:
        """What the trade is over; a buyer who paid another amount changed it."""
        return self.paid_fen if self.is_paid else self.total_fen

    @property
    def left_fen(self) -> int:
        return self.paid_fen - self.refunded_fen

    @property
    def buyer_id(self) -> str:
        return f"2088{self.buyer:012d}"

    @property
    def buyer_open_id(self) -> str:
        return f"0{self.buyer:012d}{self.app_id}"

    @property
    def buyer_logon_id(self) -> str:
        return f"{130 + self.buyer % 70}****{self.buyer % 10_000:04d}"


def place(box: Box, account: Account, order: Order) -> Trade:
    """
    Take an order; the same one again gives the same code.

    :raises Refused: if its number has been used for something else, or the trade is over
    """
    with box.store.transaction():
        known = get(box, app_id=account.app_id, out_trade_no=order.out_trade_no)
        if known is None:
            return _insert(box, account, order)
        _check_repeat(known, order)
        return known


def _insert(box: Box, account: Account, order: Order) -> Trade:
    trade_id = box.store.insert(
        "trade",
        app_id=account.app_id,
        code=token_urlsafe(18),
        offered_at=box.clock.now(),
        state=OFFERED,
        buyer=dice.number(box.seed, "buyer", order.out_trade_no, below=10**12),
        **vars(order),
    )
    return by_id(box, trade_id)


def _check_repeat(known: Trade, order: Order) -> None:
    if (known.total_fen, known.subject) != (order.total_fen, order.subject):
        raise Refused("40004", "ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改：同一商户订单号的金额或标题不一致")
    if known.is_paid:
        raise Refused("40004", "ACQ.TRADE_HAS_SUCCESS", "交易已被支付")
    if known.state in {CLOSED, VOID}:
        raise Refused("40004", "ACQ.TRADE_HAS_CLOSE", "交易已经关闭")


def by_id(box: Box, trade_id: int) -> Trade:
    row = box.store.one("SELECT * FROM trade WHERE id = ?", trade_id)
    if row is None:
        raise LookupError(trade_id)
    return _expired(box, Trade(**row))


def get(box: Box, *, app_id: str, out_trade_no: str = "", trade_no: str = "") -> Trade | None:
    """A merchant's trade by its own number or Alipay's; closed first if its time is up."""
    column, number = ("trade_no", trade_no) if trade_no else ("out_trade_no", out_trade_no)
    sql = f"SELECT * FROM trade WHERE app_id = ? AND {column} = ?"  # noqa: S608
    row = box.store.one(sql, app_id, number)
    return None if row is None else _expired(box, Trade(**row))


def by_code(box: Box, code: str) -> Trade | None:
    row = box.store.one("SELECT * FROM trade WHERE code = ?", code)
    return None if row is None else _expired(box, Trade(**row))


def require(box: Box, *, app_id: str, out_trade_no: str = "", trade_no: str = "") -> Trade:
    """:raises Refused: if Alipay knows of no such trade (yet)"""
    trade = get(box, app_id=app_id, out_trade_no=out_trade_no, trade_no=trade_no)
    if trade is None or not trade.exists:
        raise no_such_trade()
    return trade


def begin(box: Box, trade: Trade) -> Trade:
    """The buyer scans the code or signs in: now there is a trade, if it is not too late."""
    now = box.clock.now()
    if trade.state == OFFERED and now < trade.expires_at:
        trade_no = f"{moment(now):%Y%m%d}22001{trade.buyer % 10_000:04d}{trade.id:011d}"
        sql = "UPDATE trade SET state = ?, trade_no = ?, created_at = ? WHERE id = ? AND state = ?"
        box.store.run(sql, WAITING, trade_no, now, trade.id, OFFERED)
    return by_id(box, trade.id)


def pay(box: Box, trade: Trade, *, amount_fen: int | None = None) -> Trade:
    """
    The buyer pays.

    :param amount_fen: another amount than the order's
    :raises Refused: if it is paid or closed already
    """
    trade = begin(box, trade)
    paid = "UPDATE trade SET state = ?, paid_at = ?, paid_fen = ? WHERE id = ? AND state = ?"
    amount = trade.total_fen if amount_fen is None else amount_fen
    if not box.store.run(paid, SUCCESS, box.clock.now(), amount, trade.id, WAITING):
        raise wrong_state(trade.state)
    return by_id(box, trade.id)


def close(box: Box, trade: Trade) -> Trade:
    """
    Close an unpaid trade.

    :raises Refused: if it is paid or closed
    """
    sql = "UPDATE trade SET state = ?, closed_at = ? WHERE id = ? AND state = ?"
    if not box.store.run(sql, CLOSED, box.clock.now(), trade.id, WAITING):
        raise wrong_state(trade.state)
    return by_id(box, trade.id)


def void(box: Box, trade: Trade) -> Trade:
    """Withdraw a code that nobody has scanned."""
    sql = "UPDATE trade SET state = ?, closed_at = ? WHERE id = ? AND state = ?"
    box.store.run(sql, VOID, box.clock.now(), trade.id, OFFERED)
    return by_id(box, trade.id)


def finish(box: Box, trade: Trade) -> Trade:
    """
    The time for refunds is over.

    :raises Refused: if it is not paid
    """
    if not box.store.run("UPDATE trade SET state = ? WHERE id = ? AND state = ?", FINISHED, trade.id, SUCCESS):
        raise wrong_state(trade.state)
    return by_id(box, trade.id)


def _expired(box: Box, trade: Trade) -> Trade:
    if trade.state != WAITING or box.clock.now() < trade.expires_at:
        return trade
    sql = "UPDATE trade SET state = ?, closed_at = ? WHERE id = ? AND state = ?"
    box.store.run(sql, CLOSED, trade.expires_at, trade.id, WAITING)
    return Trade(**(vars(trade) | {"state": CLOSED, "closed_at": trade.expires_at}))
