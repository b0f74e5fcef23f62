from __future__ import annotations

from dataclasses import dataclass
from secrets import token_urlsafe

from sandbox import dice
from sandbox.box import Box
from sandbox.unionpay.accounts import Merchant
from sandbox.unionpay.refusals import Refused
from sandbox.unionpay.times import clearing_day, stamp

PAGE, QR = "page", "qr"
OFFERED = "OFFERED"  # nobody has seen the cashier yet
OPENED = "OPENED"
FAILED = "FAILED"  # a try that failed; the buyer may try again until the time is up
PAID = "PAID"


@dataclass(frozen=True)
class Order:
    """What a merchant asks a buyer to pay."""

    order_id: str
    txn_time: str
    kind: str
    biz_type: str
    subject: str
    total_fen: int
    front_url: str
    back_url: str
    reserved: str
    expires_at: float


@dataclass(frozen=True)
class Trade:
    """A row of the table of payments."""

    id: int
    mer_id: str
    order_id: str
    txn_time: str
    code: str
    kind: str
    biz_type: str
    subject: str
    total_fen: int
    front_url: str
    back_url: str
    reserved: str
    offered_at: float
    expires_at: float
    state: str
    query_id: str | None
    card: int
    paid_at: float | None
    paid_fen: int

    @property
    def is_paid(self) -> bool:
        return self.paid_at is not None

    @property
    def card_no(self) -> str:
        return f"6216{self.card % 100:02d}*********{self.card % 10_000:04d}"

    @property
    def settle_day(self) -> str:
        return clearing_day(self.paid_at or self.offered_at)

    def is_over(self, now: float) -> bool:
        """Nobody can pay it any more: there is no closing, only `payTimeout`."""
        return not self.is_paid and now >= self.expires_at


def place(box: Box, merchant: Merchant, order: Order) -> Trade:
    """
    Take an order.

    A page's form that is sent again unchanged, by a browser that went back, leads to the same cashier.

    :raises Refused: if its number has been used
    """
    with box.store.transaction():
        known = find(box, mer_id=merchant.mer_id, order_id=order.order_id)
        if known is None and not number_is_used(box, merchant.mer_id, order.order_id):
            return _insert(box, merchant, order)
        again = known and (known.kind, known.txn_time, known.total_fen) == (PAGE, order.txn_time, order.total_fen)
        if known is None or not again or known.is_paid or order.kind != PAGE:
            raise Refused("12", order.order_id)
        return known


def number_is_used(box: Box, mer_id: str, order_id: str) -> bool:
    sql = (
        "SELECT 1 FROM unionpay_trade WHERE mer_id = ? AND order_id = ?"
        " UNION SELECT 1 FROM unionpay_refund WHERE mer_id = ? AND order_id = ?"
    )
    return box.store.one(sql, mer_id, order_id, mer_id, order_id) is not None


def _insert(box: Box, merchant: Merchant, order: Order) -> Trade:
    trade_id = box.store.insert(
        "unionpay_trade",
        mer_id=merchant.mer_id,
        code=token_urlsafe(18),
        offered_at=box.clock.now(),
        state=OFFERED,
        card=dice.number(box.seed, "card", order.order_id, below=10**9),
        **vars(order),
    )
    return by_id(box, trade_id)


def by_id(box: Box, trade_id: int) -> Trade:
    return Trade(**box.store.all("SELECT * FROM unionpay_trade WHERE id = ?", trade_id)[0])


def find(box: Box, *, mer_id: str, order_id: str) -> Trade | None:
    row = box.store.one("SELECT * FROM unionpay_trade WHERE mer_id = ? AND order_id = ?", mer_id, order_id)
    return None if row is None else Trade(**row)


def by_query_id(box: Box, *, mer_id: str, query_id: str) -> Trade | None:
    row = box.store.one("SELECT * FROM unionpay_trade WHERE mer_id = ? AND query_id = ?", mer_id, query_id)
    return None if row is None else Trade(**row)


def by_code(box: Box, code: str) -> Trade | None:
    row = box.store.one("SELECT * FROM unionpay_trade WHERE code = ?", code)
    return None if row is None else Trade(**row)


def begin(box: Box, trade: Trade) -> Trade:
    """The buyer has come to the cashier."""
    box.store.run("UPDATE unionpay_trade SET state = ? WHERE id = ? AND state = ?", OPENED, trade.id, OFFERED)
    return by_id(box, trade.id)


def fail(box: Box, trade: Trade) -> Trade:
    """
    The bank refuses the buyer's card; he may try another.

    :raises Refused: if the trade is paid or its time is up
    """
    _check_open(box, trade)
    box.store.run("UPDATE unionpay_trade SET state = ? WHERE id = ? AND state != ?", FAILED, trade.id, PAID)
    return by_id(box, trade.id)


def pay(box: Box, trade: Trade, *, amount_fen: int | None = None) -> Trade:
    """
    The buyer pays.

    :param amount_fen: another amount than the order's
    :raises Refused: if it is paid already, or its time is up
    """
    _check_open(box, trade)
    now = box.clock.now()
    sql = "UPDATE unionpay_trade SET state = ?, paid_at = ?, paid_fen = ?, query_id = ? WHERE id = ? AND state != ?"
    amount = trade.total_fen if amount_fen is None else amount_fen
    if not box.store.run(sql, PAID, now, amount, f"{stamp(now)}0{trade.id:06d}", trade.id, PAID):
        raise Refused("12", trade.order_id)
    return by_id(box, trade.id)


def _check_open(box: Box, trade: Trade) -> None:
    if trade.is_paid:
        raise Refused("12", trade.order_id)
    if trade.is_over(box.clock.now()):
        raise Refused("39", "payTimeout")
