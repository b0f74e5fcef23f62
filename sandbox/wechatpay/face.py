from __future__ import annotations

from sandbox.gateway import Gateway
from sandbox.wechatpay import cashier, console, gateway, notify, sign_in
from sandbox.wechatpay.broken import BROKEN

CODE = r"/wechatpay/cashier/(?P<code>\w+)"
WECHATPAY = Gateway(
    code=notify.GATEWAY,
    routes=(
        *gateway.ROUTES,
        ("GET", CODE, cashier.show),
        ("POST", CODE, cashier.act),
        ("GET", rf"{CODE}/(?P<standing>[a-z]+)", cashier.result),
        ("GET", r"/wechatpay/scan", cashier.scan),
        ("GET", r"/wechatpay/h5", cashier.h5),
        ("GET", r"/wechatpay/jsapi", cashier.jsapi),
        ("GET", r"/connect/oauth2/authorize", sign_in.authorize),
        ("GET", r"/sns/oauth2/access_token", sign_in.access_token),
        (
            "POST",
            r"/sandbox/wechatpay/accounts/(?P<mchid>[0-9]+)/(?P<action>mode|rotate|retire|h5|renew|revoke)",
            console.account,
        ),
    ),
    sender=notify.SENDER,
    accounts=lambda box: list(box.wechatpay.known),
    credentials=console.credentials,
    add_account=console.add_account,
    trade=console.trade,
    act=console.act,
    bulk_create=console.bulk_create,
    bulk_pay=console.bulk_pay,
    ledger=console.ledger,
    rows=console.rows,
    unfinished=console.unfinished,
    broken=BROKEN,
)
