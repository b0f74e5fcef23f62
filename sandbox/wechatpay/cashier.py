"""Where a buyer pays: the code's page, the H5 page, and the page that stands for WeixinJSBridge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import parse_qs, quote, urlsplit

from sandbox.box import Box
from sandbox.clock import beijing
from sandbox.money import yuan
from sandbox.pages import page
from sandbox.texts import TEXTS
from sandbox.web import NotFound, Request, Response, redirect
from sandbox.wechatpay import notify, trades
from sandbox.wechatpay.refusals import Refused
from sandbox.wechatpay.signing import lines, verifies
from sandbox.wechatpay.trades import Trade

ACTIONS = ("pay", "fail", "cancel")
CODE = "weixin://wxpay/bizpayurl?"
PREFIX = "prepay_id="


def show(box: Box, request: Request, code: str) -> Response:
    """
    What a buyer sees who scans the code.

    :raises NotFound: if the code is unknown
    """
    return _cashier(box, request, _trade(box, code), back="")


def act(box: Box, request: Request, code: str) -> Response:
    """
    The buyer pays, fails to, or turns away; then back to the merchant, who learns nothing of which.

    :raises NotFound: if the code or the button is unknown
    """
    trade = _trade(box, code)
    action = request.params.get("action", "")
    if action not in ACTIONS:
        raise NotFound(action)
    standing = _pay(box, trade) if action == "pay" else action
    back = _address(request.params.get("back", ""))
    return redirect(back or f"/wechatpay/cashier/{code}/{standing}?lang={request.language}", status=303)


def result(box: Box, request: Request, code: str, standing: str) -> Response:
    """:raises NotFound: if the code or the result is unknown"""
    if f"result_{standing}" not in TEXTS[request.language]:
        raise NotFound(standing)
    return _result(box, _trade(box, code), standing, language=request.language)


def scan(box: Box, request: Request) -> Response:
    """What a phone does with a `code_url`."""
    given = request.params.get("code_url", "").strip()
    code = parse_qs(urlsplit(given).query).get("pr", [""])[0]
    if not given.startswith(CODE) or trades.by_code(box, code) is None:
        return refused("bad_code", request)
    return redirect(f"/wechatpay/cashier/{code}?lang={request.language}")


def h5(box: Box, request: Request) -> Response:
    """
    Where an `h5_url` leads for five minutes; `redirect_url` is where the buyer goes afterwards.

    :raises NotFound: if the order is unknown
    """
    trade = _by_prepay_id(box, request.params.get("prepay_id", ""))
    age = box.clock.now() - request.number("package")
    if not 0 <= age + 1 <= trades.H5_LIFE + 1:
        return refused("stale_link", request)
    stranger = _comes_from_elsewhere(box, request, trade)
    if stranger:
        return refused(stranger, request)
    return _cashier(box, request, trade, back=_address(request.params.get("redirect_url", "")))


def _comes_from_elsewhere(box: Box, request: Request, trade: Trade) -> str:
    """
    What is wrong with where the buyer comes from, if anything is: the page that led here (its domain is registered
    with WeChat Pay; without one, any will do), and the address that the merchant said the buyer has.
    """
    host = urlsplit(request.headers.get("referer", "")).hostname or ""
    domain = box.wechatpay.known[trade.mchid].h5_domain
    if "MicroMessenger" in request.headers.get("user-agent", ""):
        return "h5_inside_wechat"
    if not host:
        return "h5_no_referer"
    if domain and host != domain and not host.endswith(f".{domain}"):
        return "h5_wrong_referer"
    named = json.loads(trade.request).get("scene_info", {}).get("payer_client_ip", "")
    # A buyer beside the sandbox has no address of his own on the internet to compare.
    if request.address and ip_address(request.address).is_global and request.address != named:
        return "h5_wrong_ip"
    return ""


def jsapi(box: Box, request: Request) -> Response:
    """
    What `WeixinJSBridge.invoke("getBrandWCPayRequest", …)` opens, with the same parameters in the query.

    :raises NotFound: if the order is unknown
    """
    told = request.params
    package = told.get("package", "")
    trade = _by_prepay_id(box, package.removeprefix(PREFIX))
    if not package.startswith(PREFIX) or not _is_signed(box, trade, told):
        return refused("bad_pay_sign", request)
    return _cashier(box, request, trade, back=_address(told.get("return_url", "")))


def refused(why: str, request: Request) -> Response:
    answer = page("refused", language=request.language, reason=TEXTS[request.language][why])
    return replace(answer, status=400)


def _is_signed(box: Box, trade: Trade, told: Mapping[str, str]) -> bool:
    account = box.wechatpay.known[trade.mchid]
    signed = lines(*(told.get(name, "") for name in ("appId", "timeStamp", "nonceStr", "package")))
    own = told.get("appId") == account.appid and told.get("signType") == "RSA"
    sign = told.get("paySign", "")
    return own and any(verifies(signed, sign, key.public_key()) for key in account.merchant_keys)


def _address(given: str) -> str:
    return given if given.startswith(("http://", "https://")) else ""


def _trade(box: Box, code: str) -> Trade:
    trade = trades.by_code(box, code)
    if trade is None:
        raise NotFound(code)
    return trade


def _by_prepay_id(box: Box, prepay_id: str) -> Trade:
    trade = _trade(box, prepay_id[len("wx01000000") :])
    if trade.prepay_id != prepay_id:
        raise NotFound(prepay_id)
    return trade


def _pay(box: Box, trade: Trade) -> str:
    try:
        with box.store.transaction():
            notify.announce(box, trades.pay(box, trade))
    except Refused:
        return _standing(trades.by_id(box, trade.id))
    return "pay"


def _standing(trade: Trade) -> str:
    """Which result page tells how a trade stands."""
    return "paid" if trade.is_paid else "closed"


def _cashier(box: Box, request: Request, trade: Trade, *, back: str) -> Response:
    if not trades.can_be_paid(box, trade):
        return _result(box, trade, _standing(trade), language=request.language)
    return page("cashier", language=request.language, **_values(box, trade, language=request.language, back=back))


def _result(box: Box, trade: Trade, standing: str, *, language: str) -> Response:
    texts = TEXTS[language]
    good = standing in {"pay", "paid"}
    return page(
        "result",
        language=language,
        mark="✓" if good else "!",
        tone="good" if good else "bad",
        result=texts[f"result_{standing}"],
        hint=texts[f"hint_{standing}"],
        **_values(box, trade, language=language, back=""),
    )


def _values(box: Box, trade: Trade, *, language: str, back: str) -> dict[str, object]:
    after = f"&back={quote(back, safe='')}" if back else ""
    return {
        "amount": yuan(trade.charged_fen),
        "subject": trade.description,
        "out_trade_no": trade.out_trade_no,
        "trade_no": trade.transaction_id or "—",
        "trade_label": TEXTS[language]["transaction_label"],
        "buyer": trade.openid or "—",
        "seller": trade.mchid,
        "expires": beijing(trade.code_until),
        "cashier": f"/wechatpay/cashier/{trade.code}?lang={language}{after}",
    }
