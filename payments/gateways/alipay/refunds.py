"""Refunds: what is sent to Alipay about them, and what its answers mean. "Accepted" is not "done"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from kernel.money import plain_yuan

from ..calls import RefundRef, RefundRequest
from ..event import EventKind, GatewayEvent, Outcome
from ..fields import beijing_moment, fen_of_yuan, text
from .answer import MALFORMED, MISREAD, Answer
from .codes import OK, REFUND_FAILURES, REFUND_QUERY_FAILURES, failure
from .trades import clean_text, reported, same_number

REASON_LENGTH = 256
MONEY_MOVED = "Y"

REFUND_STATES = {
    "": Outcome.NOT_FOUND,  # not carried out, or not yet: the same request again does no harm and tells
    "REFUND_SUCCESS": Outcome.SUCCEEDED,
    "REFUND_PROCESSING": Outcome.PENDING,
    "REFUND_FAIL": Outcome.FAILED,
}


def refund_content(request: RefundRequest) -> dict[str, str]:
    content = {
        "out_trade_no": request.payment_no,
        "refund_amount": plain_yuan(request.amount_fen),
        "out_request_no": request.refund_no,
        "refund_reason": clean_text(request.reason, limit=REASON_LENGTH),
    }
    return {name: value for name, value in content.items() if value}


def refund_query_content(ref: RefundRef) -> dict[str, object]:
    return {
        "out_trade_no": ref.payment_no,
        "out_request_no": ref.refund_no,
        "query_options": ["gmt_refund_pay", "refund_detail_item_list"],
    }


def read_refunded(answer: Answer, *, request: RefundRequest) -> GatewayEvent:
    event = _reported(answer, payment_no=request.payment_no, refund_no=request.refund_no)
    if not (answer.trusted and answer.status == OK):
        return replace(event, outcome=failure(answer, table=REFUND_FAILURES, default=Outcome.FAILED))
    try:
        return _moved(event, answer.content, amount_fen=request.amount_fen)
    except MISREAD:
        return replace(event, code=MALFORMED)


def read_refund_queried(answer: Answer, *, ref: RefundRef) -> GatewayEvent:
    event = _reported(answer, payment_no=ref.payment_no, refund_no=ref.refund_no)
    if not (answer.trusted and answer.status == OK):
        return replace(event, outcome=failure(answer, table=REFUND_QUERY_FAILURES, default=Outcome.UNKNOWN))
    try:
        return _stand(event, answer.content)
    except MISREAD:
        return replace(event, code=MALFORMED)


def _reported(answer: Answer, *, payment_no: str, refund_no: str) -> GatewayEvent:
    return replace(reported(answer, payment_no=payment_no), kind=EventKind.REFUND, refund_no=refund_no)


def _moved(event: GatewayEvent, refund: Mapping[str, Any], *, amount_fen: int) -> GatewayEvent:
    """
    The call that moves the money says Y. Any other says N, also when it repeats a refund long done, so N is no
    failure: a query tells. `refund_fee` is all that ever went back, not what went back now.
    """
    same_number(refund, "out_trade_no", event.payment_no)
    change = str(refund.get("fund_change", ""))
    event = replace(
        event,
        native_state=f"fund_change={change}",
        gateway_trade_no=text(refund["trade_no"]),
        refunded_total_fen=_total(refund),
        occurred_at=_moment(refund),
    )
    if change != MONEY_MOVED:
        return event
    if event.refunded_total_fen is not None and event.refunded_total_fen < amount_fen:
        raise ValueError("less went back than was asked for")
    return replace(event, outcome=Outcome.SUCCEEDED, amount_fen=amount_fen)


def _stand(event: GatewayEvent, refund: Mapping[str, Any]) -> GatewayEvent:
    """Code 10000 says that the question was understood; only REFUND_SUCCESS says that the money went back."""
    state = str(refund.get("refund_status") or "")
    event = replace(event, native_state=state, outcome=REFUND_STATES.get(state, Outcome.UNKNOWN))
    if event.outcome is not Outcome.SUCCEEDED:
        return event
    same_number(refund, "out_trade_no", event.payment_no)
    same_number(refund, "out_request_no", event.refund_no)
    return replace(
        event,
        gateway_trade_no=text(refund["trade_no"]),
        amount_fen=fen_of_yuan(refund["refund_amount"]),
        occurred_at=_moment(refund),
    )


def _total(refund: Mapping[str, Any]) -> int | None:
    return fen_of_yuan(refund["refund_fee"]) if refund.get("refund_fee") else None


def _moment(refund: Mapping[str, Any]) -> datetime | None:
    given = refund.get("gmt_refund_pay")
    return beijing_moment(given) if given else None
