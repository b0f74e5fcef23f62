from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.alipay import bill, cashier, certification, console, gateway, notify
from sandbox.alipay.accounts import SWITCHING, UnknownMode
from sandbox.alipay.broken import BROKEN
from sandbox.box import Box
from sandbox.gateway import Gateway
from sandbox.money import yuan
from sandbox.web import BadRequest


def credentials(box: Box, app_id: str) -> dict[str, str]:
    return box.accounts.known[app_id].credentials(public_url=box.options.public_url)


def add_account(box: Box, wishes: Mapping[str, Any]) -> str:
    """:raises BadRequest: if the mode is unknown"""
    try:
        return box.accounts.add(mode=str(wishes.get("mode", SWITCHING))).app_id
    except UnknownMode as error:
        raise BadRequest(str(error)) from error


def rows(box: Box, limit: int) -> list[dict[str, object]]:
    return [
        {
            **{name: row[name] for name in ("out_trade_no", "subject", "offered_at")},
            "cashier": f"/alipay/cashier/{row['code']}",
            "state_now": row["state"],
            "total": yuan(row["total_fen"]),
            "paid_yuan": yuan(row["paid_fen"]),
            "refunded_yuan": yuan(row["refunded_fen"]),
        }
        for row in box.store.all("SELECT * FROM trade ORDER BY id DESC LIMIT ?", limit)
    ]


ALIPAY = Gateway(
    code=notify.GATEWAY,
    routes=(
        ("GET|POST", r"/gateway\.do", gateway.serve),
        ("GET", r"/alipay/cashier/(?P<code>[\w-]+)", cashier.show),
        ("POST", r"/alipay/cashier/(?P<code>[\w-]+)", cashier.act),
        ("GET", r"/alipay/cashier/(?P<code>[\w-]+)/(?P<standing>[a-z]+)", cashier.result),
        ("GET", r"/alipay/bill/(?P<token>[\w-]+)", lambda box, request, token: bill.download(box, token)),
        ("GET", r"/sandbox/alipay/certificates\.json", certification.show),
        ("POST", r"/sandbox/alipay/rotate", certification.rotate),
        ("POST", r"/sandbox/alipay/accounts/(?P<app_id>[0-9]+)/mode", certification.put_mode),
    ),
    sender=notify.SENDER,
    accounts=lambda box: list(box.accounts.known),
    credentials=credentials,
    add_account=add_account,
    trade=console.trade,
    act=console.act,
    bulk_create=console.bulk_create,
    bulk_pay=console.bulk_pay,
    ledger=lambda box, app_id: console.ledger(box, app_id=app_id),
    rows=rows,
    broken=BROKEN,
)
