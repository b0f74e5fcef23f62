from __future__ import annotations

from dataclasses import dataclass
from secrets import token_urlsafe

from sandbox import dice
from sandbox.box import Box
from sandbox.clock import DAY, moment
from sandbox.wechatpay.accounts import Account
from sandbox.wechatpay.refusals import Refused, no_such_order, not_consistent

NOTPAY, SUCCESS, REFUND, CLOSED = "NOTPAY", "SUCCESS", "REFUND", "CLOSED"
DESCRIPTIONS = {
    NOTPAY: "订单未支付",
    SUCCESS: "支付成功",
    REFUND: "订单发生过退款，退款详情请查询退款单",
    CLOSED: "订单已关闭",
}
TYPES = {"native": "NATIVE", "h5": "MWEB", "jsapi": "JSAPI"}
LIFE = 7.0 * DAY  # then it is closed without being asked
CODE_LIFE = 7_200.0
H5_LIFE = 300.0


@dataclass(frozen=True)
class Order:
    """What a merchant asks a buyer to pay."""

    out_trade_no: str
    product: str
    description: str
    attach: str
    total_fen: int
    notify_url: str
    openid: str
    request: str  # the whole body, in one writing
    expires_at: float


@dataclass(frozen=True)
class Trade:
    """A row of the table of trades."""

    id: int
    mchid: str
    appid: str
    out_trade_no: str
    code: str
    product: str
    description: str
    attach: str
    total_fen: int
    notify_url: str
    openid: str
    request: str
    offered_at: float
    expires_at: float
    state: str
    transaction_id: str | None
    paid_at: float | None
    closed_at: float | None
    paid_fen: int
    coupon_fen: int
    refunded_fen: int

    @property
    def is_paid(self) -> bool:
        return self.paid_at is not None

    @property
    def charged_fen(self) -> int:
        """What the trade is over; a buyer who paid another amount changed it."""
        return self.paid_fen if self.is_paid else self.total_fen

    @property
    def type(self) -> str:
        return TYPES[self.product]

    @property
    def code_until(self) -> float:
        """How long the code, the page or the prepay_id works; the order itself lives on."""
        return min(self.expires_at, self.offered_at + CODE_LIFE)

    @property
    def prepay_id(self) -> str:
        return f"wx{moment(self.offered_at):%d%H%M%S}{self.code}"


def place(box: Box, account: Account, order: Order) -> Trade:
    """
    Take an order; the same body again gives the same code.

    :raises Refused: if its number has been used for something else, or the trade is over
    """
    with box.store.transaction():
        known = get(box, mchid=account.mchid, out_trade_no=order.out_trade_no)
        if known is None:
            return _insert(box, account, order)
        if known.is_paid:
            raise Refused("ORDERPAID", "该订单已支付")
        if known.state == CLOSED:
            raise Refused("ORDER_CLOSED", "该订单已关闭")
        if (known.product, known.request) != (order.product, order.request):
            raise not_consistent("请求重入时，参数")
        return known


def _insert(box: Box, account: Account, order: Order) -> Trade:
    trade_id = box.store.insert(
        "wechatpay_trade",
        mchid=account.mchid,
        appid=account.appid,
        code=token_urlsafe(15).replace("-", "0").replace("_", "1"),
        offered_at=box.clock.now(),
        state=NOTPAY,
        **vars(order),
    )
    return by_id(box, trade_id)


def by_id(box: Box, trade_id: int) -> Trade:
    row = box.store.one("SELECT * FROM wechatpay_trade WHERE id = ?", trade_id)
    if row is None:
        raise LookupError(trade_id)
    return _expired(box, Trade(**row))


def get(box: Box, *, mchid: str, out_trade_no: str = "", transaction_id: str = "") -> Trade | None:
    """A merchant's trade by its own number or WeChat Pay's; closed first if it is too old."""
    column, number = ("transaction_id", transaction_id) if transaction_id else ("out_trade_no", out_trade_no)
    sql = f"SELECT * FROM wechatpay_trade WHERE mchid = ? AND {column} = ?"  # noqa: S608
    row = box.store.one(sql, mchid, number)
    return None if row is None else _expired(box, Trade(**row))


def by_code(box: Box, code: str) -> Trade | None:
    row = box.store.one("SELECT * FROM wechatpay_trade WHERE code = ?", code)
    return None if row is None else _expired(box, Trade(**row))


def require(box: Box, *, mchid: str, out_trade_no: str = "", transaction_id: str = "") -> Trade:
    """:raises Refused: if the merchant has no such order"""
    trade = get(box, mchid=mchid, out_trade_no=out_trade_no, transaction_id=transaction_id)
    if trade is None:
        raise no_such_order()
    return trade


def of_all(box: Box, *, mchid: str = "") -> list[Trade]:
    sql = "SELECT * FROM wechatpay_trade WHERE ? IN ('', mchid) ORDER BY id"
    return [_expired(box, Trade(**row)) for row in box.store.all(sql, mchid)]


def can_be_paid(box: Box, trade: Trade) -> bool:
    return trade.state == NOTPAY and box.clock.now() < trade.code_until


def pay(box: Box, trade: Trade, *, amount_fen: int | None = None, coupon_fen: int = 0) -> Trade:
    """
    The buyer pays.

    :param amount_fen: another amount than the order's
    :param coupon_fen: what a coupon bears of it
    :raises Refused: if it is paid, closed, or its code is too old
    """
    now = box.clock.now()
    if not can_be_paid(box, trade):
        raise Refused("INVALID_REQUEST", f"订单不可支付：{trade.state}，或二维码已过期")
    paid = (
        "UPDATE wechatpay_trade SET state = ?, paid_at = ?, paid_fen = ?, coupon_fen = ?, transaction_id = ?,"
        " openid = ? WHERE id = ? AND state = ?"
    )
    values = (
        SUCCESS,
        now,
        trade.total_fen if amount_fen is None else amount_fen,
        coupon_fen,
        f"4200{trade.id:06d}{moment(now):%Y%m%d}{dice.number(box.seed, 'transaction', trade.id, below=10**10):010d}",
        trade.openid or openid_of(box, trade.appid, person=f"buyer-{trade.id % 7}"),
    )
    if not box.store.run(paid, *values, trade.id, NOTPAY):
        raise Refused("ORDERPAID", "该订单已支付")
    return by_id(box, trade.id)


def close(box: Box, trade: Trade) -> Trade:
    """
    Close an unpaid trade; again is no harm.

    :raises Refused: if it is paid
    """
    sql = "UPDATE wechatpay_trade SET state = ?, closed_at = ? WHERE id = ? AND state = ?"
    closed = box.store.run(sql, CLOSED, box.clock.now(), trade.id, NOTPAY)
    if not closed and by_id(box, trade.id).is_paid:
        raise Refused("ORDERPAID", "该订单已支付，不能关闭")
    return by_id(box, trade.id)


def openid_of(box: Box, appid: str, *, person: str) -> str:
    """Who somebody is to one app: the same person is another to another app."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    drawn = (letters[dice.number(box.seed, "openid", appid, person, n, below=64)] for n in range(18))
    return f"o{''.join(drawn)}{_mark(box, appid)}"


def _mark(box: Box, appid: str) -> str:
    return f"{dice.number(box.seed, 'openid-of', appid, below=16**9):09x}"


def is_openid_of(box: Box, appid: str, openid: str) -> bool:
    return len(openid) == 28 and openid.startswith("o") and openid.endswith(_mark(box, appid))


def _expired(box: Box, trade: Trade) -> Trade:
    """`time_expire` does not close an order; seven days do."""
    end = trade.offered_at + LIFE
    if trade.state != NOTPAY or box.clock.now() < end:
        return trade
    sql = "UPDATE wechatpay_trade SET state = ?, closed_at = ? WHERE id = ? AND state = ?"
    box.store.run(sql, CLOSED, end, trade.id, NOTPAY)
    return Trade(**(vars(trade) | {"state": CLOSED, "closed_at": end}))
