"""What the merchant's console, the buyer's phone and a test's script can do to trades, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from sandbox import dice, faults
from sandbox.box import Box
from sandbox.clock import iso
from sandbox.faults import Control
from sandbox.fees import fee_fen
from sandbox.money import yuan
from sandbox.web import BadRequest, NotFound, Request, Response, reply
from sandbox.wechatpay import bill, methods, notify, refunds, trades
from sandbox.wechatpay.accounts import PUBLIC_KEY, UnknownMode
from sandbox.wechatpay.refunds import Refund, Wanted
from sandbox.wechatpay.refusals import Refused
from sandbox.wechatpay.trades import Order, Trade
from sandbox.wishes import BULK_COUNTS, Wishes, announce, controls_of, read_amount, required_amount, strike

Act = Callable[[Box, Trade, Wishes], list[int]]
FORGERIES = {"forge_notify": faults.FORGERIES}


def credentials(box: Box, mchid: str) -> dict[str, str]:
    return box.wechatpay.known[mchid].credentials(public_url=box.options.public_url)


def add_account(box: Box, wishes: Mapping[str, Any]) -> str:
    """:raises BadRequest: if the mode is unknown"""
    try:
        return box.wechatpay.add(mode=str(wishes.get("mode", PUBLIC_KEY))).mchid
    except UnknownMode as error:
        raise BadRequest(str(error)) from error


def account(box: Box, request: Request, mchid: str, action: str) -> Response:
    """
    What becomes of a merchant's keys: of WeChat Pay's own by `mode`, `rotate` and `retire`, of the merchant's by
    `renew` and `revoke`; and of his domain for H5, by `h5`.

    :raises NotFound: if there is no such merchant
    """
    if box.wechatpay.get(mchid) is None:
        raise NotFound(mchid)
    try:
        if action == "mode":
            box.wechatpay.put_mode(mchid, str(request.json().get("mode", "")))
    except UnknownMode as error:
        raise BadRequest(str(error)) from error
    if action == "h5":
        box.wechatpay.put_h5_domain(mchid, str(request.json().get("domain", "")))
    if action in {"rotate", "retire", "renew", "revoke"}:
        getattr(box.wechatpay, action)(mchid)
    return reply({"wechatpay": credentials(box, mchid)})


def trade(box: Box, request: Request, number: str) -> Response:
    """:raises NotFound: if no account has this number"""
    return reply(describe(box, find(box, number, mchid=_named(request.params))))


def act(box: Box, request: Request, number: str, action: str) -> Response:
    """
    Do something to a trade that its merchant did not ask for over the gateway.

    :raises NotFound: if there is no such trade or action
    :raises BadRequest: if the body is wrong
    """
    wishes = request.json()
    found = find(box, number, mchid=_named(wishes))
    if action not in ACTS:
        raise NotFound(action)
    try:
        with box.store.transaction():
            sent = ACTS[action](box, found, wishes)
    except Refused as refused:
        return reply(refused.content(), status=409)
    return reply(describe(box, trades.by_id(box, found.id)) | {"notifications": sent})


def _named(wishes: Mapping[str, Any]) -> str:
    return str(wishes.get("mchid") or wishes.get("app_id") or "")


def find(box: Box, number: str, *, mchid: str = "") -> Trade:
    """:raises NotFound: if no account (or not this one) has this number"""
    sql = "SELECT id FROM wechatpay_trade WHERE out_trade_no = ? AND ? IN ('', mchid) ORDER BY id"
    row = box.store.one(sql, number, mchid)
    if row is None:
        raise NotFound(number)
    return trades.by_id(box, row["id"])


def describe(box: Box, trade: Trade) -> dict[str, object]:
    """A trade as the exports show it: amounts in fen, times as ISO 8601."""
    given = [_describe_refund(refund) for refund in refunds.of_trade(box, trade.id)]
    trade = trades.by_id(box, trade.id)  # a refund may have ended just now
    kept = ("mchid", "out_trade_no", "transaction_id", "product", "state", "total_fen", "paid_fen", "refunded_fen")
    return {
        **{name: getattr(trade, name) for name in kept},
        "app_id": trade.mchid,
        "trade_no": trade.transaction_id,
        "subject": trade.description,
        "fee_fen": fee_fen(trade.paid_fen - trade.refunded_fen, rate=bill.RATE),
        "cashier_url": box.url(f"/wechatpay/cashier/{trade.code}"),
        "created_at": iso(trade.offered_at),
        "paid_at": iso(trade.paid_at),
        "closed_at": iso(trade.closed_at),
        "expires_at": iso(trade.expires_at),
        "refunds": given,
    }


def _describe_refund(refund: Refund) -> dict[str, object]:
    return {
        "out_request_no": refund.out_refund_no,
        "refund_id": refund.refund_id,
        "amount_fen": refund.amount_fen,
        "state": refund.state,
        "reason": refund.reason,
        "done_at": iso(refund.done_at),
    }


def ledger(box: Box, mchid: str = "") -> dict[str, object]:
    """Every trade and refund, and the sums that the merchant's books must agree with."""
    refunds.settle(box)
    found = trades.of_all(box, mchid=mchid)
    paid, returned = sum(it.paid_fen for it in found), sum(it.refunded_fen for it in found)
    totals = {"trades": len(found), "paid": sum(it.is_paid for it in found), "paid_fen": paid}
    totals |= {"refunded_fen": returned, "net_fen": paid - returned}
    return {"totals": totals, "trades": [describe(box, it) for it in found]}


def rows(box: Box, limit: int) -> list[dict[str, object]]:
    return [
        {
            "out_trade_no": row["out_trade_no"],
            "subject": row["description"],
            "offered_at": row["offered_at"],
            "cashier": f"/wechatpay/cashier/{row['code']}",
            "state_now": row["state"],
            "total": yuan(row["total_fen"]),
            "paid_yuan": yuan(row["paid_fen"]),
            "refunded_yuan": yuan(row["refunded_fen"]),
        }
        for row in box.store.all("SELECT * FROM wechatpay_trade ORDER BY id DESC LIMIT ?", limit)
    ]


def unfinished(box: Box) -> int:
    """Refunds that end by themselves soon."""
    row = box.store.one(
        "SELECT COUNT(*) AS n FROM wechatpay_refund WHERE state = ? AND due_at <= ?",
        refunds.PROCESSING,
        box.clock.now(),
    )
    return row["n"] if row else 0


def bulk_create(box: Box, request: Request) -> Response:
    """
    Orders placed without a signed call each, for storms.

    :raises BadRequest: if an order lacks something
    """
    wishes = request.json()
    merchant = box.wechatpay.get(_named(wishes) or box.wechatpay.first.mchid)
    if merchant is None:
        raise BadRequest("No account has this mchid.")
    placed = []
    with box.store.transaction():
        for order in wishes.get("orders", []):
            try:
                wanted = simple_order(
                    out_trade_no=order["out_trade_no"],
                    description=order.get("subject", "订单"),
                    total_fen=required_amount(order),
                    notify_url=order.get("notify_url") or wishes.get("notify_url", ""),
                    expires_at=box.clock.now() + trades.LIFE,
                )
                placed.append(trades.place(box, merchant, wanted).out_trade_no)
            except (KeyError, Refused, BadRequest) as error:
                raise BadRequest(f"This order cannot be placed: {order!r}: {error}") from error
    return reply({"placed": len(placed), "out_trade_nos": placed}, status=201)


def simple_order(*, out_trade_no: str, description: str, total_fen: int, notify_url: str, expires_at: float) -> Order:
    return Order(
        out_trade_no=out_trade_no,
        product="native",
        description=description,
        attach="",
        total_fen=total_fen,
        notify_url=notify_url,
        openid="",
        request=methods.one_writing({"total": total_fen, "description": description, "notify_url": notify_url}),
        expires_at=expires_at,
    )


def bulk_pay(box: Box, request: Request) -> Response:
    """Many buyers pay; how many messages are doubled, dropped, late or forged is given in percent."""
    wishes = request.json()
    numbers = wishes.get("out_trade_nos")
    chosen = trades.of_all(box) if numbers is None else [find(box, number) for number in numbers]
    chosen = [it for it in chosen if trades.can_be_paid(box, it)]
    chosen = dice.shuffled(chosen, box.seed, "bulk") if wishes.get("shuffle") else chosen
    counts = dict.fromkeys(BULK_COUNTS, 0)
    for found in chosen[: wishes.get("limit")]:
        with box.store.transaction():
            _pay_in_bulk(box, found, wishes, counts)
    return reply(counts)


def _pay_in_bulk(box: Box, found: Trade, wishes: Wishes, counts: dict[str, int]) -> None:
    struck = strike(box, number=found.out_trade_no, wishes=wishes, counts=counts, forgeries=FORGERIES)
    paid = trades.pay(box, found, amount_fen=found.total_fen + 1 if struck.other_amount else None)
    announce(partial(notify.announce, box, paid), struck, counts)


def _extra(found: Trade, wishes: Wishes) -> Sequence[Control]:
    return controls_of(wishes, number=found.out_trade_no)


def _nothing(box: Box, found: Trade, wishes: Wishes) -> list[int]:
    return []


def _pay(box: Box, found: Trade, wishes: Wishes) -> list[int]:
    paid = trades.pay(box, found, amount_fen=read_amount(wishes), coupon_fen=int(wishes.get("coupon_fen", 0)))
    return notify.announce(box, paid, extra=_extra(found, wishes)) if wishes.get("notify", True) else []


def _close(box: Box, found: Trade, wishes: Wishes) -> list[int]:
    trades.close(box, found)
    return []


def _refund(box: Box, found: Trade, wishes: Wishes) -> list[int]:
    """From the merchant's console, past the product: told to the payment's address, done at once."""
    amount_fen = read_amount(wishes) or found.paid_fen - found.refunded_fen
    number = str(wishes.get("out_request_no") or f"CONSOLE{len(refunds.of_trade(box, found.id)) + 1}{found.id}")
    wanted = Wanted(number, amount_fen, found.paid_fen, "console", found.notify_url, number)
    outcome = refunds.refund(box, found, wanted, delay=0)
    if not (outcome.is_new and wishes.get("notify", True)):
        return []
    return notify.announce(box, outcome.trade, refund=outcome.refund, extra=_extra(found, wishes))


def _settle(box: Box, found: Trade, wishes: Wishes) -> list[int]:
    """Refunds that are on their way, or stuck, end now; as `fate` says, if it says anything."""
    sent: list[int] = []
    for refund in refunds.of_trade(box, found.id):
        if refund.state == refunds.PROCESSING:
            was_stuck = refund.due_at is None
            ended = refunds.finish(box, refund, fate=str(wishes.get("fate", "")))
            if was_stuck or wishes.get("fate"):
                sent += notify.announce(box, trades.by_id(box, found.id), refund=ended, extra=_extra(found, wishes))
    return sent


def _notify(box: Box, found: Trade, wishes: Wishes) -> list[int]:
    """One more message about what is so, honest or not; sent once unless `"once": false`."""
    number = str(wishes.get("out_request_no") or "")
    refund = refunds.find(box, found.mchid, number) if number else None
    return notify.announce(
        box,
        found,
        refund=refund,
        extra=_extra(found, wishes),
        once=bool(wishes.get("once", True)),
    )


ACTS: dict[str, Act] = {
    "scan": _nothing,  # the order is there before anybody scans it
    "fail": _nothing,
    "pay": _pay,
    "close": _close,
    "refund": _refund,
    "settle": _settle,
    "notify": _notify,
}
