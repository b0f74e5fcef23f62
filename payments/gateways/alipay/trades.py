"""Payments: what is sent to Alipay about them, and what its answers mean."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kernel.money import plain_yuan

from ..calls import CreateRequest, PaymentRef
from ..event import EventKind, GatewayEvent, Outcome
from ..fields import beijing_moment, fen_of_yuan, link, text
from .answer import MALFORMED, MISREAD, Answer
from .client import beijing_text
from .codes import CLOSE_FAILURES, CREATE_FAILURES, OK, QUERY_FAILURES, TRADE_STATES, failure

SUBJECT_LENGTH = 256
NOT_IN_A_SUBJECT = re.compile(r"[/=&]")

PRODUCTS = {
    "qr": "FACE_TO_FACE_PAYMENT",
    "page": "FAST_INSTANT_TRADE_PAY",
    "wap": "QUICK_WAP_WAY",
}


def clean_text(given: str, *, limit: int) -> str:
    """One line without invisible characters, cut to a length."""
    visible = "".join(
        " " if character in "\t\r\n" else character
        for character in given
        if character in "\t\r\n" or not unicodedata.category(character).startswith("C")
    )
    return " ".join(visible.split())[:limit].strip()


def clean_subject(subject: str, *, instead: str) -> str:
    """A subject as Alipay takes it: no slash, no equals sign, no ampersand. Of an empty one, the number."""
    return clean_text(NOT_IN_A_SUBJECT.sub(" ", subject), limit=SUBJECT_LENGTH) or instead


def order_content(request: CreateRequest) -> dict[str, str]:
    return {
        "out_trade_no": request.payment_no,
        "total_amount": plain_yuan(request.amount_fen),
        "subject": clean_subject(request.subject, instead=request.payment_no),
        "product_code": PRODUCTS[request.method],
        "time_expire": beijing_text(request.expires_at),
    }


def read_created(answer: Answer, *, request: CreateRequest) -> tuple[GatewayEvent, str]:
    """The event, and the text of the QR code if there is one."""
    event = reported(answer, payment_no=request.payment_no)
    if not (answer.trusted and answer.status == OK):
        return replace(event, outcome=failure(answer, table=CREATE_FAILURES, default=Outcome.FAILED)), ""
    try:
        same_number(answer.content, "out_trade_no", request.payment_no)
        code = link(answer.content["qr_code"])
    except MISREAD:
        return replace(event, code=MALFORMED), ""
    return replace(event, outcome=Outcome.PENDING, amount_fen=request.amount_fen), code


def read_queried(answer: Answer, *, ref: PaymentRef) -> GatewayEvent:
    event = reported(answer, payment_no=ref.payment_no)
    if not (answer.trusted and answer.status == OK):
        return replace(event, outcome=failure(answer, table=QUERY_FAILURES, default=Outcome.UNKNOWN))
    try:
        return _stand(event, answer.content)
    except MISREAD:
        return replace(event, code=MALFORMED)


def read_closed(answer: Answer, *, ref: PaymentRef) -> GatewayEvent:
    event = replace(reported(answer, payment_no=ref.payment_no), kind=EventKind.CLOSE)
    if not (answer.trusted and answer.status == OK):
        return replace(event, outcome=failure(answer, table=CLOSE_FAILURES, default=Outcome.UNKNOWN))
    try:
        same_number(answer.content, "out_trade_no", ref.payment_no)
    except MISREAD:
        return replace(event, code=MALFORMED)
    return replace(event, outcome=Outcome.CLOSED, gateway_trade_no=str(answer.content.get("trade_no", "")))


def reported(answer: Answer, *, payment_no: str) -> GatewayEvent:
    """An event that says nothing yet but what was asked, and in which words it was answered."""
    return GatewayEvent(
        kind=EventKind.PAYMENT,
        payment_no=payment_no,
        code=answer.code,
        message=answer.words,
        raw=answer.raw,
    )


def same_number(content: Mapping[str, Any], name: str, number: str) -> None:
    """
    An answer is about what was asked.

    :raises ValueError: if it is about something else
    """
    if text(content[name]) != number:
        raise ValueError(f"an answer about another {name}")


def payer_of(content: Mapping[str, Any]) -> str:
    names = ("buyer_open_id", "buyer_user_id", "buyer_id", "buyer_logon_id")
    return next((str(content[name]) for name in names if content.get(name)), "")


def _stand(event: GatewayEvent, trade: Mapping[str, Any]) -> GatewayEvent:
    """Closed after it was paid means that all of it was refunded: the money came, and the query says so."""
    same_number(trade, "out_trade_no", event.payment_no)
    state, paid_at = text(trade["trade_status"]), trade.get("send_pay_date")
    outcome, amount_fen = TRADE_STATES.get(state, Outcome.UNKNOWN), fen_of_yuan(trade["total_amount"])
    was_refunded = state == "TRADE_CLOSED" and bool(paid_at)
    return replace(
        event,
        outcome=Outcome.SUCCEEDED if was_refunded else outcome,
        native_state=state,
        gateway_trade_no=text(trade["trade_no"]),
        amount_fen=amount_fen,
        refunded_total_fen=amount_fen if was_refunded else None,
        currency=str(trade.get("trans_currency") or "CNY"),
        occurred_at=beijing_moment(paid_at) if paid_at else None,
        payer_ref=payer_of(trade),
    )
