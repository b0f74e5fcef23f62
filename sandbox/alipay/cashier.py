from __future__ import annotations

from urllib.parse import urlencode

from sandbox.alipay import notify, trades
from sandbox.alipay.refusals import Refused
from sandbox.alipay.signing import NOTIFICATION, sign, string_to_sign
from sandbox.alipay.trades import Trade
from sandbox.box import Box
from sandbox.clock import beijing
from sandbox.money import yuan
from sandbox.pages import page
from sandbox.texts import TEXTS
from sandbox.web import NotFound, Request, Response, redirect

ACTIONS = ("pay", "fail", "cancel")


def show(box: Box, request: Request, code: str) -> Response:
    """
    What a buyer sees who scans the code; from now on there is a trade.

    :raises NotFound: if the code is unknown
    """
    trade = trades.begin(box, _trade(box, code))
    if trade.state != trades.WAITING:
        return _result(box, trade, _standing(trade), language=request.language)
    return page("cashier", language=request.language, **_values(box, trade, language=request.language))


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
    trade = trades.by_id(box, trade.id)
    if trade.return_url and trade.exists:
        return redirect(return_url(box, trade), status=303)
    return redirect(f"/alipay/cashier/{code}/{standing}?lang={request.language}", status=303)


def result(box: Box, request: Request, code: str, standing: str) -> Response:
    """:raises NotFound: if the code or the result is unknown"""
    if f"result_{standing}" not in TEXTS[request.language]:
        raise NotFound(standing)
    return _result(box, _trade(box, code), standing, language=request.language)


def return_url(box: Box, trade: Trade) -> str:
    """Where the browser goes back to: signed, and without a word about the state of the trade."""
    account = box.accounts.known[trade.app_id]
    params = {
        "charset": trade.charset,
        "out_trade_no": trade.out_trade_no,
        "method": f"{trade.product}.return",
        "total_amount": yuan(trade.charged_fen),
        "trade_no": trade.trade_no or "",
        "auth_app_id": account.app_id,
        "version": "1.0",
        "app_id": account.app_id,
        "sign_type": "RSA2",
        "seller_id": account.seller_id,
        "timestamp": beijing(box.clock.now()),
    }
    signed = string_to_sign(params, without=NOTIFICATION).encode(trade.charset)
    query = urlencode(params | {"sign": sign(signed, account.alipay_key)}, encoding=trade.charset)
    return f"{trade.return_url}{'&' if '?' in trade.return_url else '?'}{query}"


def _trade(box: Box, code: str) -> Trade:
    trade = trades.by_code(box, code)
    if trade is None:
        raise NotFound(code)
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


def _result(box: Box, trade: Trade, standing: str, *, language: str) -> Response:
    texts = TEXTS[language]
    good = standing in {"pay", "paid"}
    values = {"result": texts[f"result_{standing}"], "hint": texts[f"hint_{standing}"]}
    return page(
        "result",
        language=language,
        mark="✓" if good else "!",
        tone="good" if good else "bad",
        **values,
        **_values(box, trade, language=language),
    )


def _values(box: Box, trade: Trade, *, language: str) -> dict[str, object]:
    return {
        "amount": yuan(trade.charged_fen),
        "subject": trade.subject,
        "out_trade_no": trade.out_trade_no,
        "trade_no": trade.trade_no or "—",
        "buyer": trade.buyer_logon_id,
        "seller": box.accounts.known[trade.app_id].seller_email,
        "expires": beijing(trade.expires_at),
        "cashier": f"/alipay/cashier/{trade.code}?lang={language}",
    }
