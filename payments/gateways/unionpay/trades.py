"""Payments: what is sent to UnionPay about them, and what its answers mean."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from kernel.clock import SHANGHAI

from ..calls import CreateRequest, PaymentRef
from ..event import EventKind, GatewayEvent, Outcome
from ..fields import likely, text
from .answer import MALFORMED, MISREAD, Answer
from .client import beijing_digits
from .codes import NOT_FOUND, OK, outcome_of, refusal_of

YUAN = "156"
PAYMENT = "01"
LATE = timedelta(minutes=2)  # what was paid in the last second takes a while to be told
NAME_LENGTH = 60
CODE_LENGTH = 512
NOT_IN_A_VALUE = re.compile(r"[&={}\[\]\"'%+]")  # UnionPay's own rule for sub-fields, and what forms encode
DIGITS = re.compile(r"[0-9]{1,12}")
TXN_TIME = re.compile(r"[0-9]{14}")

CHANNELS = {"page": "07", "wap": "08"}  # a computer's browser, a phone's


def order_content(request: CreateRequest) -> dict[str, str]:
    """Of a payment in the customer's own browser."""
    name = _clean(request.subject) or request.payment_no
    return {
        **_payment(request, sub_type="01", biz_type="000201", channel=CHANNELS[request.method]),
        "frontUrl": request.return_url,
        "riskRateInfo": f"{{commodityName={name}}}",
    }


def code_content(request: CreateRequest) -> dict[str, str]:
    """Of a payment by a code to scan."""
    return _payment(request, sub_type="07", biz_type="000000", channel="08")


def query_content(*, number: str, sent_at: datetime) -> dict[str, str]:
    """:param sent_at: of what is asked about, to the second as it was sent: it is part of the key"""
    return {
        "txnType": "00",
        "txnSubType": "00",
        "bizType": "000000",
        "orderId": number,
        "txnTime": beijing_digits(sent_at),
    }


def read_created(answer: Answer, *, request: CreateRequest) -> tuple[GatewayEvent, str]:
    """The event, and the text of the QR code if there is one."""
    event = reported(answer, payment_no=request.payment_no)
    if not answer.trusted:
        return event, ""
    if answer.status != OK:
        return replace(event, outcome=refusal_of(answer.status)), ""
    try:
        same(answer.content, orderId=request.payment_no, txnTime=beijing_digits(request.created_at))
        code = text(answer.content["qrCode"])
        if len(code) > CODE_LENGTH or not code.isprintable():
            raise ValueError("not a text to draw")
    except MISREAD:
        return replace(event, code=MALFORMED), ""
    return replace(event, outcome=Outcome.PENDING, amount_fen=request.amount_fen), code


def read_queried(answer: Answer, *, ref: PaymentRef, at: datetime) -> GatewayEvent:
    """
    Where a payment stands. The outer code tells whether the question worked, the inner one what became of the payment.
    Until its time to pay is over, "failed" and "not found" may still turn into money.
    """
    event = reported(answer, payment_no=ref.payment_no)
    if not answer.trusted:
        return event
    may_change = ref.expires_at is not None and at <= ref.expires_at + LATE
    if answer.status == NOT_FOUND:
        return replace(event, outcome=Outcome.PENDING if may_change else Outcome.NOT_FOUND)
    if answer.status != OK:
        return event
    try:
        found = _stand(event, answer.content, ref=ref)
    except MISREAD:
        return replace(event, code=MALFORMED)
    if found.outcome is Outcome.FAILED and (may_change or ref.expires_at is None):
        return replace(found, outcome=Outcome.PENDING)
    return found


def reported(answer: Answer, *, payment_no: str) -> GatewayEvent:
    """An event that says nothing yet but what was asked, and in which words it was answered."""
    return GatewayEvent(
        kind=EventKind.PAYMENT,
        payment_no=payment_no,
        code=answer.code,
        message=answer.words,
        raw=answer.raw,
    )


def same(content: Mapping[str, str], **expected: str) -> None:
    """
    An answer is about what was asked.

    :raises ValueError: if it is about something else
    """
    for name, value in expected.items():
        if text(content[name]) != value:
            raise ValueError(f"an answer about another {name}")


def fen_of(content: Mapping[str, str]) -> int:
    """
    The amount that moved. What is settled counts where it is not what was asked for.

    :raises ValueError: if it is no amount
    """
    amount = _fen(content["txnAmt"])
    settled = content.get("settleAmt", "")
    is_told = bool(settled) and content.get("settleCurrencyCode", YUAN) == YUAN
    return _fen(settled) if is_told else amount


def currency_of(content: Mapping[str, str]) -> str:
    """By its ISO number; 156 is the yuan."""
    given = content.get("currencyCode") or YUAN
    return "CNY" if given == YUAN else given


def moment_of(content: Mapping[str, str]) -> datetime:
    """
    When it happened. Its own time has no year: it lies after the time it was sent, and that one has.

    :raises ValueError: if they are not as documented
    """
    sent = text(content["txnTime"])
    if TXN_TIME.fullmatch(sent) is None:
        raise ValueError("not a time as documented")
    sent_at = likely(datetime.strptime(sent, "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI))
    told = content.get("traceTime", "")
    return yearless(told, near=sent_at) if told else sent_at


def yearless(told: str, *, near: datetime) -> datetime:
    """
    A time MMDDhhmmss in the year that brings it nearest.

    :raises ValueError: if there is no such time
    """
    found = []
    for year in (near.year - 1, near.year, near.year + 1):
        try:
            found.append(datetime.strptime(f"{year}{told}", "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI))
        except ValueError:  # 29 February
            continue
    if len(told) != 10 or not found:
        raise ValueError("not a time as documented")
    return min(found, key=lambda moment: abs(moment - near))


def _payment(request: CreateRequest, *, sub_type: str, biz_type: str, channel: str) -> dict[str, str]:
    return {
        "txnType": PAYMENT,
        "txnSubType": sub_type,
        "bizType": biz_type,
        "channelType": channel,
        "orderId": request.payment_no,
        "txnTime": beijing_digits(request.created_at),
        "txnAmt": str(request.amount_fen),
        "currencyCode": YUAN,
        "backUrl": request.notify_url,
        "payTimeout": beijing_digits(request.expires_at),
    }


def _stand(event: GatewayEvent, trade: Mapping[str, str], *, ref: PaymentRef) -> GatewayEvent:
    same(trade, orderId=ref.payment_no, txnTime=beijing_digits(ref.created_at))
    code = text(trade["origRespCode"])
    event = replace(event, native_state=code, message=trade.get("origRespMsg", ""), outcome=outcome_of(code))
    if event.outcome is not Outcome.SUCCEEDED:
        return event
    same(trade, txnType=PAYMENT)
    return replace(
        event,
        gateway_trade_no=text(trade["queryId"]),
        amount_fen=fen_of(trade),
        currency=currency_of(trade),
        occurred_at=moment_of(trade),
    )


def _fen(given: str) -> int:
    if DIGITS.fullmatch(given) is None:
        raise ValueError("not an amount in fen")
    return int(given)


def _clean(given: str) -> str:
    """One line without invisible characters and without what UnionPay's sub-fields cannot hold."""
    visible = "".join(" " if unicodedata.category(it).startswith("C") else it for it in given)
    return " ".join(NOT_IN_A_VALUE.sub(" ", visible).split())[:NAME_LENGTH].strip()
