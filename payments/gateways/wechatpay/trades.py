"""Payments: what is sent to WeChat Pay about them, and what its answers mean."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any
from urllib.parse import quote, urlencode

from kernel.clock import local

from ..calls import CreateRequest, NextAction, PaymentRef
from ..event import EventKind, GatewayEvent, Outcome
from ..fields import fen, link, moment, text
from .account import WechatpayAccount
from .answer import MALFORMED, MISREAD, Answer
from .client import WechatpayClient
from .codes import CLOSE_FAILURES, CREATE_FAILURES, QUERY_FAILURES, TRADE_STATES, failure

DESCRIPTION_BYTES = 127  # whether it means characters or bytes the manual does not say
NOT_IN_A_DESCRIPTION = str.maketrans({",": "，", "`": "'", '"': "'"})  # statements are CSV without quoting
H5_LIFETIME = timedelta(minutes=5)
CODE = re.compile(r"[a-z]+://\S+")

PRODUCTS = {"qr": "native", "h5": "h5", "jsapi": "jsapi"}
PAID = ("SUCCESS", "REFUND")


def clean_text(given: str, *, limit: int) -> str:
    """One line without invisible characters, cut to a number of bytes."""
    visible = "".join(
        " " if character in "\t\r\n" else character
        for character in given
        if character in "\t\r\n" or not unicodedata.category(character).startswith("C")
    )
    return " ".join(visible.split()).encode()[:limit].decode(errors="ignore").strip()


def order_content(request: CreateRequest, *, account: WechatpayAccount) -> dict[str, object]:
    """No nulls and nothing unknown: both are refused."""
    subject = clean_text(request.subject.translate(NOT_IN_A_DESCRIPTION), limit=DESCRIPTION_BYTES)
    content: dict[str, object] = {
        "appid": account.appid,
        "mchid": account.mchid,
        "description": subject or request.payment_no,
        "out_trade_no": request.payment_no,
        "time_expire": local(request.expires_at).isoformat(timespec="seconds"),
        "notify_url": request.notify_url,
        "amount": {"total": request.amount_fen, "currency": "CNY"},
    }
    if request.method == "jsapi":
        content["payer"] = {"openid": request.payer_ref}
    if request.method == "h5":
        content["scene_info"] = {"payer_client_ip": request.client_ip, "h5_info": {"type": "Wap"}}
    return content


def order_path(payment_no: str) -> str:
    return f"/v3/pay/transactions/out-trade-no/{quote(payment_no, safe='')}"


def query_path(payment_no: str, *, mchid: str) -> str:
    return f"{order_path(payment_no)}?{urlencode({'mchid': mchid})}"


def read_created(
    answer: Answer, *, request: CreateRequest, client: WechatpayClient, account: WechatpayAccount, at: datetime
) -> tuple[GatewayEvent, NextAction]:
    event = reported(answer, payment_no=request.payment_no)
    if not answer.is_done:
        return replace(event, outcome=failure(answer, table=CREATE_FAILURES, default=Outcome.FAILED)), NextAction()
    try:
        action = _next_action(answer.content, request=request, client=client, account=account, at=at)
    except MISREAD:
        return replace(event, code=MALFORMED), NextAction()
    return replace(event, outcome=Outcome.PENDING, amount_fen=request.amount_fen), action


def read_queried(answer: Answer, *, ref: PaymentRef, account: WechatpayAccount) -> GatewayEvent:
    event = reported(answer, payment_no=ref.payment_no)
    if not answer.is_done:
        return replace(event, outcome=failure(answer, table=QUERY_FAILURES, default=Outcome.UNKNOWN))
    try:
        same(answer.content, "out_trade_no", ref.payment_no)
        same(answer.content, "mchid", account.mchid)
        return replace(stand(answer.content), raw=answer.raw)
    except MISREAD:
        return replace(event, code=MALFORMED)


def read_closed(answer: Answer, *, ref: PaymentRef) -> GatewayEvent:
    event = replace(reported(answer, payment_no=ref.payment_no), kind=EventKind.CLOSE)
    if not answer.is_done:
        return replace(event, outcome=failure(answer, table=CLOSE_FAILURES, default=Outcome.UNKNOWN))
    return replace(event, outcome=Outcome.CLOSED)


def reported(answer: Answer, *, payment_no: str) -> GatewayEvent:
    """An event that says nothing yet but what was asked, and in which words it was answered."""
    return GatewayEvent(
        kind=EventKind.PAYMENT,
        payment_no=payment_no,
        code=answer.code,
        message=answer.words,
        raw=answer.raw,
    )


def stand(trade: Mapping[str, Any]) -> GatewayEvent:
    """
    A payment as answers and notifications tell it; where it is not as documented, any of the MISREAD errors. The
    amount is the order's: what coupons left of it stands beside it as payer_total.
    """
    state, amount = text(trade["trade_state"]), trade.get("amount") or {}
    if state in PAID and not amount:
        raise ValueError("paid, and no amount")
    succeeded_at = trade.get("success_time")
    return GatewayEvent(
        kind=EventKind.PAYMENT,
        payment_no=text(trade["out_trade_no"]),
        gateway_trade_no=text(trade["transaction_id"]) if state in PAID else str(trade.get("transaction_id") or ""),
        amount_fen=fen(amount["total"]) if amount else 0,
        currency=text(amount.get("currency", "CNY")),
        outcome=TRADE_STATES.get(state, Outcome.UNKNOWN),
        occurred_at=moment(succeeded_at) if succeeded_at else None,
        payer_ref=str((trade.get("payer") or {}).get("openid") or ""),
        native_state=state,
    )


def same(content: Mapping[str, Any], name: str, value: str) -> None:
    """
    An answer is about what was asked.

    :raises ValueError: if it is about something else
    """
    if text(content[name]) != value:
        raise ValueError(f"an answer about another {name}")


def _next_action(
    content: Mapping[str, Any],
    *,
    request: CreateRequest,
    client: WechatpayClient,
    account: WechatpayAccount,
    at: datetime,
) -> NextAction:
    match request.method:
        case "qr":
            code = text(content["code_url"])
            if CODE.fullmatch(code) is None:
                raise ValueError("not a code to draw")
            return NextAction(kind="qr", data={"content": code}, expires_at=request.expires_at)
        case "h5":
            url = _with_return(link(content["h5_url"]), return_url=request.return_url)
            ends_at = min(request.expires_at, at + H5_LIFETIME)
            return NextAction(kind="redirect", data={"url": url}, expires_at=ends_at)
        case _:
            arguments = _call_arguments(text(content["prepay_id"]), client=client, account=account, at=at)
            return NextAction(kind="jsapi", data=arguments, expires_at=request.expires_at)


def _with_return(url: str, *, return_url: str) -> str:
    if not return_url:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode({'redirect_url': return_url})}"


def _call_arguments(
    prepay_id: str, *, client: WechatpayClient, account: WechatpayAccount, at: datetime
) -> dict[str, str]:
    """For WeixinJSBridge: the package is signed with its prefix."""
    arguments = {
        "appId": account.appid,
        "timeStamp": str(int(at.timestamp())),
        "nonceStr": token_hex(16),
        "package": f"prepay_id={prepay_id}",
    }
    return arguments | {"signType": "RSA", "paySign": client.signed(*arguments.values())}
