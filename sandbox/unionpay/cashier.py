from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from sandbox.box import Box
from sandbox.clock import beijing
from sandbox.money import yuan
from sandbox.pages import page, pieces
from sandbox.texts import TEXTS
from sandbox.unionpay import facts, notify, trades
from sandbox.unionpay.refusals import Refused
from sandbox.unionpay.sealing import seal
from sandbox.unionpay.trades import Trade
from sandbox.web import NotFound, Request, Response, redirect

ACTIONS = ("pay", "fail", "cancel")
OUTCOMES = {"pay": "00", "paid": "00", "fail": "01", "cancel": "01", "closed": "39"}
SCRIPT = "document.forms[0].submit()"
ALLOWED = b64encode(sha256(SCRIPT.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{ALLOWED}'; base-uri 'none'"


def show(box: Box, request: Request, code: str) -> Response:
    """
    What a buyer sees who scans the code, or whom a shop sends here.

    :raises NotFound: if the code is unknown
    """
    trade = trades.begin(box, _trade(box, code))
    if _is_open(box, trade):
        return page("cashier", language=request.language, **_values(box, trade, language=request.language))
    return _result(box, trade, _standing(trade), language=request.language)


def act(box: Box, request: Request, code: str) -> Response:
    """
    The buyer pays, fails to, or turns away; then back to the shop, if he came from its page.

    :raises NotFound: if the code or the button is unknown
    """
    trade = _trade(box, code)
    action = request.params.get("action", "")
    if action not in ACTIONS:
        raise NotFound(action)
    standing = _done(box, trade, action)
    trade = trades.by_id(box, trade.id)
    if trade.front_url:
        return _go_back(box, trade, standing, language=request.language)
    return redirect(f"/unionpay/cashier/{code}/{standing}?lang={request.language}", status=303)


def result(box: Box, request: Request, code: str, standing: str) -> Response:
    """:raises NotFound: if the code or the result is unknown"""
    if standing not in OUTCOMES:
        raise NotFound(standing)
    return _result(box, _trade(box, code), standing, language=request.language)


def return_form(box: Box, trade: Trade, standing: str) -> dict[str, str]:
    """What the browser posts to `frontUrl`: signed like a notification, and no proof of anything."""
    content = facts.of_trade(trade) if trade.is_paid else facts.HEAD | facts.identity(trade)
    return seal(content | facts.answered(OUTCOMES[standing]), box.unionpay.authority)


def _go_back(box: Box, trade: Trade, standing: str, *, language: str) -> Response:
    fields: list[dict[str, object]] = [
        {"name": name, "value": value} for name, value in return_form(box, trade, standing).items()
    ]
    body = page(
        "unionpay_return",
        language=language,
        front_url=trade.front_url,
        fields=pieces("hidden", fields, language=language),
        result=TEXTS[language][f"result_{standing}"],
    )
    return Response(body.body, body.status, body.content_type, {"Content-Security-Policy": POLICY})


def _trade(box: Box, code: str) -> Trade:
    trade = trades.by_code(box, code)
    if trade is None:
        raise NotFound(code)
    return trade


def _done(box: Box, trade: Trade, action: str) -> str:
    try:
        with box.store.transaction():
            if action == "pay":
                notify.announce(box, trades.pay(box, trade))
            elif action == "fail":
                trades.fail(box, trade)
    except Refused:
        return _standing(trades.by_id(box, trade.id))
    return action


def _is_open(box: Box, trade: Trade) -> bool:
    return not (trade.is_paid or trade.is_over(box.clock.now()))


def _standing(trade: Trade) -> str:
    return "paid" if trade.is_paid else "closed"


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
        **_values(box, trade, language=language),
    )


def _values(box: Box, trade: Trade, *, language: str) -> dict[str, object]:
    return {
        "amount": yuan(trade.paid_fen or trade.total_fen),
        "subject": trade.subject,
        "out_trade_no": trade.order_id,
        "trade_label": TEXTS[language]["query_label"],
        "trade_no": trade.query_id or "—",
        "seller": trade.mer_id,
        "buyer": trade.card_no,
        "expires": beijing(trade.expires_at),
        "cashier": f"/unionpay/cashier/{trade.code}?lang={language}",
    }
