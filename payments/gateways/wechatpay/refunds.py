"""Refunds: what is sent to WeChat Pay about them, and what its answers mean. "Accepted" is not "done"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ..calls import RefundRef, RefundRequest
from ..event import EventKind, GatewayEvent, Outcome
from ..fields import fen, moment, text
from .answer import MALFORMED, MISREAD, Answer
from .codes import REFUND_FAILURES, REFUND_QUERY_FAILURES, REFUND_STATES, failure
from .trades import clean_text, reported, same

REASON_BYTES = 80
REFUNDS_PATH = "/v3/refund/domestic/refunds"


def refund_content(request: RefundRequest) -> dict[str, object]:
    optional = {
        "reason": clean_text(request.reason, limit=REASON_BYTES),
        "notify_url": request.notify_url,
    }
    return {
        "out_trade_no": request.payment_no,
        "out_refund_no": request.refund_no,
        **{name: value for name, value in optional.items() if value},
        "amount": {"refund": request.amount_fen, "total": request.total_fen, "currency": "CNY"},
    }


def refund_path(refund_no: str) -> str:
    return f"{REFUNDS_PATH}/{quote(refund_no, safe='')}"


def read_refunded(answer: Answer, *, request: RefundRequest) -> GatewayEvent:
    event = _reported(answer, payment_no=request.payment_no, refund_no=request.refund_no)
    if not answer.is_done:
        return replace(event, outcome=failure(answer, table=REFUND_FAILURES, default=Outcome.FAILED))
    told = _told(event, answer)
    if told.amount_fen not in (0, request.amount_fen):
        return replace(event, code=MALFORMED)
    return told


def read_refund_queried(answer: Answer, *, ref: RefundRef) -> GatewayEvent:
    event = _reported(answer, payment_no=ref.payment_no, refund_no=ref.refund_no)
    if not answer.is_done:
        return replace(event, outcome=failure(answer, table=REFUND_QUERY_FAILURES, default=Outcome.UNKNOWN))
    return _told(event, answer)


def refund_stand(refund: Mapping[str, Any], *, state: str) -> GatewayEvent:
    """
    A refund as answers and notifications tell it; where it is not as documented, any of the MISREAD errors.

    :param state: answers call it status, notifications refund_status
    """
    succeeded_at = refund.get("success_time")
    return GatewayEvent(
        kind=EventKind.REFUND,
        payment_no=text(refund["out_trade_no"]),
        refund_no=text(refund["out_refund_no"]),
        gateway_trade_no=text(refund["transaction_id"]),
        amount_fen=fen(refund["amount"]["refund"]),
        currency=text(refund["amount"].get("currency", "CNY")),
        outcome=REFUND_STATES.get(state, Outcome.UNKNOWN),
        occurred_at=moment(succeeded_at) if succeeded_at else None,
        native_state=state,
    )


def _reported(answer: Answer, *, payment_no: str, refund_no: str) -> GatewayEvent:
    return replace(reported(answer, payment_no=payment_no), kind=EventKind.REFUND, refund_no=refund_no)


def _told(event: GatewayEvent, answer: Answer) -> GatewayEvent:
    try:
        same(answer.content, "out_trade_no", event.payment_no)
        same(answer.content, "out_refund_no", event.refund_no)
        return replace(refund_stand(answer.content, state=text(answer.content["status"])), raw=answer.raw)
    except MISREAD:
        return replace(event, code=MALFORMED)
