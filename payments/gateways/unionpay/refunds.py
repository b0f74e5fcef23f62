"""Refunds and undoes: what is sent to UnionPay about them, and what its answers mean. "Accepted" is not "done"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

from kernel.clock import local

from ..calls import RefundRef, RefundRequest
from ..event import EventKind, GatewayEvent, Outcome
from ..fields import text
from .answer import MALFORMED, MISREAD, Answer
from .client import beijing_digits
from .codes import IN_PROGRESS, NOT_FOUND, OK, outcome_of, refusal_of
from .trades import currency_of, fen_of, moment_of, reported, same

REFUND, UNDO = "04", "31"
DAY_ENDS = timedelta(hours=1)  # the clearing day ends at 23:00
ON_ITS_WAY = timedelta(minutes=10)  # what is asked so shortly before the day ends may arrive on the next
SETTLING = timedelta(minutes=10)  # a refund that is on its way may be unknown so long


def clearing_day(moment: datetime) -> date:
    return (local(moment) + DAY_ENDS).date()


def requested_at(given: RefundRequest | RefundRef) -> datetime:
    """The refund's own time, part of its key; it is fixed with its number."""
    return given.requested_at or given.created_at


def is_undo(request: RefundRequest) -> bool:
    """
    All of a payment goes back on the clearing day on which it was made: the attempt came before the money and the
    refund after it, so that all three are of one day. A retry is of the same kind, for it has the same time.
    """
    is_whole = request.amount_fen == request.total_fen
    return is_whole and clearing_day(request.created_at) == clearing_day(requested_at(request) + ON_ITS_WAY)


def refund_content(request: RefundRequest, *, undo: bool) -> dict[str, str]:
    return {
        "txnType": UNDO if undo else REFUND,
        "txnSubType": "00",
        "bizType": "000201",
        "channelType": "07",
        "orderId": request.refund_no,
        "txnTime": beijing_digits(requested_at(request)),
        "origQryId": request.gateway_trade_no,
        "txnAmt": str(request.amount_fen),
        "currencyCode": "156",
        "backUrl": request.notify_url,
        "reqReserved": request.payment_no,  # comes back unchanged, and says what was refunded
    }


def read_refunded(answer: Answer, *, request: RefundRequest) -> GatewayEvent:
    """Accepted, refused for certain, or open: then only a query tells, and the number is never given up."""
    event = _reported(answer, payment_no=request.payment_no, refund_no=request.refund_no)
    event = replace(event, gateway_trade_no=request.gateway_trade_no)
    if not answer.trusted or answer.status in IN_PROGRESS:
        return event
    if answer.status != OK:
        return replace(event, outcome=refusal_of(answer.status))
    try:
        same(answer.content, orderId=request.refund_no, txnTime=beijing_digits(requested_at(request)))
    except MISREAD:
        return replace(event, code=MALFORMED)
    return replace(event, outcome=Outcome.PENDING)


def read_refund_queried(answer: Answer, *, ref: RefundRef, at: datetime) -> GatewayEvent:
    event = _reported(answer, payment_no=ref.payment_no, refund_no=ref.refund_no)
    event = replace(event, gateway_trade_no=ref.gateway_trade_no)
    if not answer.trusted:
        return event
    if answer.status == NOT_FOUND:
        is_settled = at - requested_at(ref) > SETTLING
        return replace(event, outcome=Outcome.NOT_FOUND if is_settled else Outcome.UNKNOWN)
    if answer.status != OK:
        return event
    try:
        return _stand(event, answer.content, ref=ref)
    except MISREAD:
        return replace(event, code=MALFORMED)


def _reported(answer: Answer, *, payment_no: str, refund_no: str) -> GatewayEvent:
    return replace(reported(answer, payment_no=payment_no), kind=EventKind.REFUND, refund_no=refund_no)


def _stand(event: GatewayEvent, refund: Mapping[str, str], *, ref: RefundRef) -> GatewayEvent:
    same(refund, orderId=ref.refund_no, txnTime=beijing_digits(requested_at(ref)))
    code = text(refund["origRespCode"])
    event = replace(event, native_state=code, message=refund.get("origRespMsg", ""), outcome=outcome_of(code))
    if event.outcome is not Outcome.SUCCEEDED:
        return event
    if text(refund["txnType"]) not in (REFUND, UNDO):
        raise ValueError("an answer about something else")
    return replace(
        event,
        gateway_trade_no=event.gateway_trade_no or text(refund["origQryId"]),
        amount_fen=fen_of(refund),
        currency=currency_of(refund),
        occurred_at=moment_of(refund),
    )
