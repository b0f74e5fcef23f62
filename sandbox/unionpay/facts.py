"""What UnionPay tells of a payment or a refund, in notifications and answers alike."""

from __future__ import annotations

from sandbox.unionpay import refunds
from sandbox.unionpay.refunds import Refund
from sandbox.unionpay.refusals import MESSAGES
from sandbox.unionpay.times import stamp
from sandbox.unionpay.trades import FAILED, OFFERED, PAGE, QR, Trade

Fields = dict[str, str]
HEAD = {"version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "accessType": "0", "currencyCode": "156"}


def of_trade(trade: Trade) -> Fields:
    """A paid trade's."""
    at, amount = trade.paid_at or trade.offered_at, str(trade.paid_fen or trade.total_fen)
    return (
        HEAD
        | _cleared(at, trade.settle_day, amount=amount, number=trade.id)
        | identity(trade)
        | {
            "queryId": trade.query_id or "",
            "accNo": trade.card_no,
            "payCardType": "01",
            "payType": "0001",
        }
    )


def identity(trade: Trade) -> Fields:
    """By which names a merchant knows it."""
    return {
        "merId": trade.mer_id,
        "orderId": trade.order_id,
        "txnTime": trade.txn_time,
        "txnType": "01",
        "txnSubType": "07" if trade.kind == QR else "01",
        "bizType": trade.biz_type,
        "reqReserved": trade.reserved,
    }


def of_refund(trade: Trade, refund: Refund) -> Fields:
    cleared = _cleared(refund.done_at, refund.settle_day, amount=str(refund.amount_fen), number=500_000 + refund.id)
    return (
        HEAD
        | cleared
        | {
            "merId": refund.mer_id,
            "orderId": refund.order_id,
            "txnTime": refund.txn_time,
            "txnType": refund.txn_type,
            "txnSubType": "00",
            "bizType": trade.biz_type,
            "queryId": refund.query_id or "",
            "origQryId": trade.query_id or "",
            "reqReserved": refund.reserved,
        }
    )


def _cleared(at: float, day: str, *, amount: str, number: int) -> Fields:
    return {
        "txnAmt": amount,
        "settleAmt": amount,
        "settleCurrencyCode": "156",
        "settleDate": day[4:],
        "traceNo": trace_no(number),
        "traceTime": stamp(at)[4:],
        "exchangeRate": "0",
    }


def trace_no(number: int) -> str:
    return f"{number % 1_000_000:06d}"


def outcome_of_trade(trade: Trade, *, now: float) -> str | None:
    """The `origRespCode` of a query; None: there is no such transaction (yet)."""
    if trade.is_paid:
        return "00"
    if trade.kind == PAGE and trade.state == OFFERED:
        return None
    if trade.is_over(now):
        return "39"
    return "01" if trade.state == FAILED else "05"


def outcome_of_refund(refund: Refund, *, now: float) -> str:
    return {refunds.DONE: "00", refunds.FAILED: "01", refunds.PENDING: "05"}[refund.standing(now)]


def answered(code: str) -> Fields:
    return {"respCode": code, "respMsg": MESSAGES[code]}
