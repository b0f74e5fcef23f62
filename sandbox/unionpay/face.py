from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.box import Box
from sandbox.gateway import Gateway
from sandbox.money import yuan
from sandbox.unionpay import cashier, console, gateway, notify, refunds, trades
from sandbox.unionpay.broken import BROKEN
from sandbox.web import NotFound, Request, Response, reply


def credentials(box: Box, mer_id: str) -> dict[str, str]:
    return box.unionpay.credentials(box.unionpay.known[mer_id], public_url=box.options.public_url.rstrip("/"))


def add_account(box: Box, wishes: Mapping[str, Any]) -> str:
    return box.unionpay.add().mer_id


def rotate(box: Box, request: Request) -> Response:
    """UnionPay takes a new certificate, of the same chain, into use."""
    authority = box.unionpay.rotate()
    return reply({"cert_id": str(authority.leaf.serial_number), "number": authority.leaf_number}, status=201)


def merchant(box: Box, request: Request, mer_id: str, action: str) -> Response:
    """
    The merchant gets another key and certificate (`renew`), or those before it are taken no more (`revoke`).

    :raises NotFound: if there is no such merchant
    """
    if box.unionpay.get(mer_id) is None:
        raise NotFound(mer_id)
    acts = {"renew": box.unionpay.renew, "revoke": box.unionpay.revoke}
    acts[action](mer_id)
    return reply({"unionpay": credentials(box, mer_id)}, status=201)


def rows(box: Box, limit: int) -> list[dict[str, object]]:
    found = box.store.all("SELECT id FROM unionpay_trade ORDER BY id DESC LIMIT ?", limit)
    return [_row(box, trades.by_id(box, row["id"])) for row in found]


def _row(box: Box, trade: trades.Trade) -> dict[str, object]:
    told = console.describe(box, trade)
    return {
        "out_trade_no": trade.order_id,
        "subject": trade.subject,
        "offered_at": trade.offered_at,
        "cashier": f"/unionpay/cashier/{trade.code}",
        "state_now": told["state"],
        "total": yuan(trade.total_fen),
        "paid_yuan": yuan(trade.paid_fen),
        "refunded_yuan": yuan(refunds.refunded_fen(box, trade)),
    }


UNIONPAY = Gateway(
    code=notify.GATEWAY,
    routes=(
        ("POST", r"/gateway/api/frontTransReq\.do", gateway.front),
        ("POST", r"/gateway/api/backTransReq\.do", gateway.back),
        ("POST", r"/gateway/api/queryTrans\.do", gateway.query),
        ("POST", r"/file/?", gateway.file),
        ("GET", r"/unionpay/cashier/(?P<code>[\w-]+)", cashier.show),
        ("POST", r"/unionpay/cashier/(?P<code>[\w-]+)", cashier.act),
        ("GET", r"/unionpay/cashier/(?P<code>[\w-]+)/(?P<standing>[a-z]+)", cashier.result),
        ("POST", r"/sandbox/unionpay/rotate", rotate),
        ("POST", r"/sandbox/unionpay/merchants/(?P<mer_id>[0-9]+)/(?P<action>renew|revoke)", merchant),
    ),
    sender=notify.SENDER,
    accounts=lambda box: list(box.unionpay.known),
    credentials=credentials,
    add_account=add_account,
    trade=console.trade,
    act=console.act,
    bulk_create=console.bulk_create,
    bulk_pay=console.bulk_pay,
    ledger=lambda box, mer_id: console.ledger(box, mer_id=mer_id),
    rows=rows,
    broken=BROKEN,
)
