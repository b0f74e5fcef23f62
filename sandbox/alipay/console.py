"""What the merchant's console, the buyer's phone and a test's script can do to trades, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sandbox import dice, faults
from sandbox.alipay import bill, methods, notify, refunds, trades
from sandbox.alipay.accounts import Account
from sandbox.alipay.refunds import Refund, Wanted
from sandbox.alipay.refusals import Refused
from sandbox.alipay.trades import Order, Trade
from sandbox.box import Box
from sandbox.clock import iso
from sandbox.faults import Control
from sandbox.fees import fee_fen
from sandbox.web import BadRequest, NotFound, Request, Response, reply
from sandbox.wishes import BULK_COUNTS, Wishes, announce, controls_of, read_amount, required_amount, strike

Act = Callable[[Box, Trade, dict[str, Any]], list[int]]
FORGERIES = {"forge_notify": faults.FORGERIES}


def trade(box: Box, request: Request, number: str) -> Response:
    """:raises NotFound: if no account has this number"""
    return reply(describe(box, find(box, number, app_id=request.params.get("app_id", ""))))


def act(box: Box, request: Request, number: str, action: str) -> Response:
    """
    Do something to a trade that its merchant did not ask for over the gateway.

    :raises NotFound: if there is no such trade or action
    :raises BadRequest: if the body is wrong
    """
    wishes = request.json()
    found = find(box, number, app_id=str(wishes.get("app_id", "")))
    if action not in ACTS:
        raise NotFound(action)
    try:
        with box.store.transaction():
            sent = ACTS[action](box, found, wishes)
    except Refused as refused:
        return reply(refused.content(), status=409)
    return reply(describe(box, trades.by_id(box, found.id)) | {"notifications": sent})


def find(box: Box, number: str, *, app_id: str = "") -> Trade:
    """:raises NotFound: if no account (or not this one) has this number"""
    chosen = [app_id] if app_id else list(box.accounts.known)
    for known in chosen:
        found = trades.get(box, app_id=known, out_trade_no=number)
        if found is not None:
            return found
    raise NotFound(number)


def describe(box: Box, trade: Trade) -> dict[str, object]:
    """A trade as the exports show it: amounts in fen, times as ISO 8601."""
    return {
        "app_id": trade.app_id,
        "out_trade_no": trade.out_trade_no,
        "trade_no": trade.trade_no,
        "product": trade.product,
        "subject": trade.subject,
        "state": trade.state,
        "total_fen": trade.total_fen,
        "paid_fen": trade.paid_fen,
        "refunded_fen": trade.refunded_fen,
        "fee_fen": fee_fen(trade.left_fen, rate=bill.RATE),
        "cashier_url": box.url(f"/alipay/cashier/{trade.code}"),
        "created_at": iso(trade.created_at),
        "paid_at": iso(trade.paid_at),
        "closed_at": iso(trade.closed_at),
        "expires_at": iso(trade.expires_at),
        "refunds": [_describe_refund(refund) for refund in refunds.of_trade(box, trade.id)],
    }


def _describe_refund(refund: Refund) -> dict[str, object]:
    return {
        "out_request_no": refund.out_request_no,
        "amount_fen": refund.amount_fen,
        "state": refund.state,
        "reason": refund.reason,
        "done_at": iso(refund.done_at),
    }


def ledger(box: Box, *, app_id: str = "") -> dict[str, object]:
    """Every trade and refund, and the sums that the merchant's books must agree with."""
    sql = "SELECT id FROM trade WHERE ? IN ('', app_id) ORDER BY id"
    rows = [describe(box, trades.by_id(box, row["id"])) for row in box.store.all(sql, app_id)]
    sums = box.store.one(
        "SELECT COUNT(*) AS trades, COALESCE(SUM(paid_at IS NOT NULL), 0) AS paid,"
        " COALESCE(SUM(paid_fen), 0) AS paid_fen, COALESCE(SUM(refunded_fen), 0) AS refunded_fen,"
        " COALESCE(SUM(paid_fen - refunded_fen), 0) AS net_fen FROM trade WHERE ? IN ('', app_id)",
        app_id,
    )
    return {"totals": dict(sums or {}), "trades": rows}


def bulk_create(box: Box, request: Request) -> Response:
    """
    Orders placed without a signed call each, for storms.

    :raises BadRequest: if an order lacks something
    """
    wishes = request.json()
    account = box.accounts.get(str(wishes.get("app_id") or box.accounts.first.app_id))
    if account is None:
        raise BadRequest("No account has this app_id.")
    with box.store.transaction():
        placed = [_place(box, account, order, wishes) for order in wishes.get("orders", [])]
    return reply({"placed": len(placed), "out_trade_nos": [order.out_trade_no for order in placed]}, status=201)


def _place(box: Box, account: Account, order: dict[str, Any], wishes: Wishes) -> Trade:
    try:
        wanted = Order(
            out_trade_no=order["out_trade_no"],
            product="alipay.trade.precreate",
            subject=order.get("subject", "订单"),
            body="",
            total_fen=required_amount(order),
            notify_url=order.get("notify_url") or wishes.get("notify_url", ""),
            return_url="",
            passback_params="",
            charset="utf-8",
            expires_at=box.clock.now() + methods.PAGE_LIFE,
        )
        return trades.place(box, account, wanted)
    except (KeyError, Refused, BadRequest) as error:
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
    sql = "SELECT id FROM trade WHERE state IN (?, ?) ORDER BY id"
    return [trades.by_id(box, row["id"]) for row in box.store.all(sql, trades.OFFERED, trades.WAITING)]


def _pay_in_bulk(box: Box, found: Trade, wishes: Wishes, counts: dict[str, int]) -> None:
    struck = strike(box, number=found.out_trade_no, wishes=wishes, counts=counts, forgeries=FORGERIES)
    paid = trades.pay(box, found, amount_fen=found.total_fen + 1 if struck.other_amount else None)
    announce(partial(notify.announce, box, paid), struck, counts)


def _extra(found: Trade, wishes: Wishes) -> Sequence[Control]:
    return controls_of(wishes, number=found.out_trade_no)


def _scan(box: Box, found: Trade, wishes: Wishes) -> list[int]:
    trades.begin(box, found)
    return []


def _pay(box: Box, found: Trade, wishes: Wishes) -> list[int]:
    paid = trades.pay(box, found, amount_fen=read_amount(wishes))
    return notify.announce(box, paid, extra=_extra(found, wishes)) if wishes.get("notify", True) else []


def _close(box: Box, found: Trade, wishes: Wishes) -> list[int]:
    closed = trades.close(box, trades.begin(box, found))
    return notify.announce(box, closed, extra=_extra(found, wishes)) if wishes.get("notify") else []


def _finish(box: Box, found: Trade, wishes: Wishes) -> list[int]:
    finished = trades.finish(box, found)
    return notify.announce(box, finished, extra=_extra(found, wishes)) if wishes.get("notify", True) else []


def _refund(box: Box, found: Trade, wishes: Wishes) -> list[int]:
    """From the merchant's console, past the product; also lets go a refund that was stuck."""
    amount_fen = read_amount(wishes) or found.left_fen
    number = str(wishes.get("out_request_no") or f"CONSOLE{len(refunds.of_trade(box, found.id)) + 1}")
    outcome = refunds.refund(box, found, Wanted(number, amount_fen, "console"))
    if not (outcome.moved and wishes.get("notify", True)):
        return []
    return notify.announce(box, outcome.trade, refund=outcome.refund, extra=_extra(found, wishes))


def _notify(box: Box, found: Trade, wishes: Wishes) -> list[int]:
    """One more message about what is so, honest or not; sent once unless `"once": false`."""
    number = wishes.get("out_request_no")
    refund = refunds.find(box, found, str(number)) if number else None
    return notify.announce(
        box,
        found,
        refund=refund,
        extra=_extra(found, wishes),
        once=bool(wishes.get("once", True)),
    )


ACTS: dict[str, Act] = {
    "scan": _scan,
    "fail": _scan,  # the buyer tries and fails: the trade waits on
    "pay": _pay,
    "close": _close,
    "finish": _finish,
    "refund": _refund,
    "notify": _notify,
}
