"""What the merchant's console, the buyer's phone and a test's script can do to UnionPay's trades, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sandbox import dice, faults
from sandbox.box import Box
from sandbox.clock import iso
from sandbox.faults import Control
from sandbox.fees import fee_fen
from sandbox.unionpay import methods, notify, refunds, statement, trades
from sandbox.unionpay.accounts import Merchant
from sandbox.unionpay.refunds import Refund, Wanted
from sandbox.unionpay.refusals import Refused
from sandbox.unionpay.times import from_stamp, stamp
from sandbox.unionpay.trades import QR, Order, Trade
from sandbox.web import BadRequest, NotFound, Request, Response, reply
from sandbox.wishes import BULK_COUNTS, Wishes, announce, controls_of, read_amount, required_amount, strike

Act = Callable[[Box, Trade, Wishes], list[int]]
FORGERIES = {"forge_unionpay": faults.UNIONPAY_FORGERIES}
LIFE = 15 * 86_400.0


def trade(box: Box, request: Request, number: str) -> Response:
    """:raises NotFound: if no merchant has this number"""
    return reply(describe(box, find(box, number, mer_id=_named(request.params))))


def act(box: Box, request: Request, number: str, action: str) -> Response:
    """
    Do something to a trade that its merchant did not ask for over the gateway.

    :raises NotFound: if there is no such trade or action
    :raises BadRequest: if the body is wrong
    """
    wishes = request.json()
    found = find(box, number, mer_id=_named(wishes))
    if action not in ACTS:
        raise NotFound(action)
    try:
        with box.store.transaction():
            sent = ACTS[action](box, found, wishes)
    except Refused as refused:
        return reply({"respCode": refused.code, "respMsg": refused.message}, status=409)
    return reply(describe(box, trades.by_id(box, found.id)) | {"notifications": sent})


def _named(wishes: Wishes) -> str:
    return str(wishes.get("mer_id") or wishes.get("app_id") or "")


def find(box: Box, number: str, *, mer_id: str = "") -> Trade:
    """:raises NotFound: if no merchant (or not this one) has this number"""
    for known in [mer_id] if mer_id else list(box.unionpay.known):
        found = trades.find(box, mer_id=known, order_id=number)
        if found is not None:
            return found
    raise NotFound(number)


def describe(box: Box, trade: Trade) -> dict[str, object]:
    """A trade as the exports show it: amounts in fen, times as ISO 8601."""
    return {
        "mer_id": trade.mer_id,
        "out_trade_no": trade.order_id,
        "trade_no": trade.query_id,
        "txn_time": trade.txn_time,
        "product": trade.kind,
        "subject": trade.subject,
        "state": "CLOSED" if trade.is_over(box.clock.now()) else trade.state,
        "total_fen": trade.total_fen,
        "paid_fen": trade.paid_fen,
        "refunded_fen": refunds.refunded_fen(box, trade),
        "fee_fen": fee_fen(trade.paid_fen, rate=statement.RATE),
        "settle_day": trade.settle_day if trade.is_paid else None,
        "cashier_url": box.url(f"/unionpay/cashier/{trade.code}"),
        "paid_at": iso(trade.paid_at),
        "expires_at": iso(trade.expires_at),
        "refunds": [_describe_refund(box, refund) for refund in refunds.of_trade(box, trade.id)],
    }


def _describe_refund(box: Box, refund: Refund) -> dict[str, object]:
    return {
        "out_request_no": refund.order_id,
        "txn_time": refund.txn_time,
        "txn_type": refund.txn_type,
        "query_id": refund.query_id,
        "amount_fen": refund.amount_fen,
        "state": refund.standing(box.clock.now()),
        "done_at": iso(refund.done_at) if refund.standing(box.clock.now()) != refunds.PENDING else None,
    }


def ledger(box: Box, *, mer_id: str = "") -> dict[str, object]:
    """Every trade and refund, and the sums that the merchant's books must agree with."""
    rows = box.store.all("SELECT id FROM unionpay_trade WHERE ? IN ('', mer_id) ORDER BY id", mer_id)
    found = [trades.by_id(box, row["id"]) for row in rows]
    paid_fen = sum(it.paid_fen for it in found)
    refunded_fen = sum(refunds.refunded_fen(box, it) for it in found)
    totals = {
        "trades": len(found),
        "paid": sum(it.is_paid for it in found),
        "paid_fen": paid_fen,
        "refunded_fen": refunded_fen,
        "net_fen": paid_fen - refunded_fen,
    }
    return {"totals": totals, "trades": [describe(box, it) for it in found]}


def bulk_create(box: Box, request: Request) -> Response:
    """
    Orders placed without a signed call each, for storms.

    :raises BadRequest: if an order lacks something
    """
    wishes = request.json()
    merchant = box.unionpay.get(_named(wishes) or box.unionpay.first.mer_id)
    if merchant is None:
        raise BadRequest("No merchant has this mer_id.")
    with box.store.transaction():
        placed = [_place(box, merchant, order, wishes) for order in wishes.get("orders", [])]
    return reply({"placed": len(placed), "out_trade_nos": [order.order_id for order in placed]}, status=201)


def _place(box: Box, merchant: Merchant, order: Wishes, wishes: Wishes) -> Trade:
    try:
        txn_time = str(order.get("txn_time") or stamp(box.clock.now()))
        from_stamp(txn_time)
        wanted = Order(
            order_id=order["out_trade_no"],
            txn_time=txn_time,
            kind=QR,
            biz_type=methods.BIZ_TYPE[QR],
            subject=order.get("subject", "订单"),
            total_fen=required_amount(order),
            front_url="",
            back_url=order.get("notify_url") or wishes.get("notify_url", ""),
            reserved="",
            expires_at=box.clock.now() + LIFE,
        )
        return trades.place(box, merchant, wanted)
    except (KeyError, ValueError, Refused, BadRequest) as error:
        raise BadRequest(f"This order cannot be placed: {order!r}: {error}") from error


def bulk_pay(box: Box, request: Request) -> Response:
    """Many buyers pay; how many messages are doubled, dropped, late or forged is given in percent."""
    wishes = request.json()
    numbers = wishes.get("out_trade_nos")
    chosen = _payable(box) if numbers is None else [find(box, number) for number in numbers]
    chosen = dice.shuffled(chosen, box.seed, "bulk") if wishes.get("shuffle") else chosen
    counts = dict.fromkeys(BULK_COUNTS, 0)
    for found in chosen[: wishes.get("limit")]:
        with box.store.transaction():
            _pay_in_bulk(box, found, wishes, counts)
    return reply(counts)


def _payable(box: Box) -> list[Trade]:
    sql = "SELECT id FROM unionpay_trade WHERE paid_at IS NULL AND expires_at > ? ORDER BY id"
    return [trades.by_id(box, row["id"]) for row in box.store.all(sql, box.clock.now())]


def _pay_in_bulk(box: Box, found: Trade, wishes: Wishes, counts: dict[str, int]) -> None:
    struck = strike(box, number=found.order_id, wishes=wishes, counts=counts, forgeries=FORGERIES)
    paid = trades.pay(box, found, amount_fen=found.total_fen + 1 if struck.other_amount else None)
    announce(partial(notify.announce, box, paid), struck, counts)


def _extra(found: Trade, wishes: Wishes) -> Sequence[Control]:
    return controls_of(wishes, number=found.order_id)


def _open(box: Box, found: Trade, wishes: Wishes) -> list[int]:
    trades.begin(box, found)
    return []


def _fail(box: Box, found: Trade, wishes: Wishes) -> list[int]:
    trades.fail(box, trades.begin(box, found))
    return []


def _pay(box: Box, found: Trade, wishes: Wishes) -> list[int]:
    paid = trades.pay(box, found, amount_fen=read_amount(wishes))
    return notify.announce(box, paid, extra=_extra(found, wishes)) if wishes.get("notify", True) else []


def _refund(box: Box, found: Trade, wishes: Wishes) -> list[int]:
    """From the merchant's console, past the product: done at once; also ends a refund that is stuck."""
    number = str(wishes.get("out_request_no") or f"CONSOLE{found.id:08d}{len(refunds.of_trade(box, found.id)):02d}")
    known = refunds.find(box, mer_id=found.mer_id, order_id=number)
    if known is None or known.trade_id != found.id:
        left = found.paid_fen - refunds.claimed_fen(box, found)
        wanted = Wanted(number, stamp(box.clock.now()), read_amount(wishes) or left, back_url=found.back_url)
        known = refunds.refund(box, found, wanted, delay=0)
    elif known.standing(box.clock.now()) == refunds.PENDING:
        known = refunds.settle(box, known, outcome=refunds.FAILED if wishes.get("fails") else refunds.DONE)
    if not wishes.get("notify", True):
        return []
    return notify.announce(box, found, refund=known, extra=_extra(found, wishes))


def _notify(box: Box, found: Trade, wishes: Wishes) -> list[int]:
    """One more message about what is so, honest or not; sent once unless `"once": false`."""
    number = wishes.get("out_request_no")
    refund = refunds.find(box, mer_id=found.mer_id, order_id=str(number)) if number else None
    return notify.announce(box, found, refund=refund, extra=_extra(found, wishes), once=bool(wishes.get("once", True)))


ACTS: dict[str, Act] = {
    "scan": _open,
    "fail": _fail,
    "pay": _pay,
    "refund": _refund,
    "notify": _notify,
}
