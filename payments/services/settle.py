"""Booking what a gateway says about a payment: exactly once, in whatever order and however often it says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from kernel.events import publish
from orders import services as orders

from ..events import PaymentSucceeded
from ..gateways import GatewayEvent, Outcome
from ..models import Payment, UnappliedMoney
from . import ledger
from .attempts import follow, lock_payment, succeed
from .unapplied import WRONG_SUM, Reason, find_unapplied, keep_unapplied, misfit


@dataclass(frozen=True, slots=True)
class Settled:
    """:param told_before: the money was in the books already"""

    result: Payment | UnappliedMoney
    told_before: bool = False


def settle(*, report: GatewayEvent, account_id: int, at: datetime) -> Payment | UnappliedMoney:
    """
    Book what a gateway says about a payment exactly once, however often it says it.

    :param report: authenticated, from a notification or a query; amount in fen
    :param at: when it reached us
    :return: the payment, or a work item if the money fits no open order: money is never refused
    :raises PaymentNotFound: if the number is not ours and no money came with it
    """
    return judge(report=report, account_id=account_id, at=at).result


@transaction.atomic
def judge(*, report: GatewayEvent, account_id: int, at: datetime) -> Settled:
    """
    As `settle`, and whether it was news.

    :raises PaymentNotFound: as `settle`
    """
    payment = lock_payment(payment_no=report.payment_no, account_id=account_id)
    if report.outcome is not Outcome.SUCCEEDED:
        return Settled(follow(payment=payment, report=report))
    if payment is None:
        told = find_unapplied(account_id=account_id, gateway_trade_no=report.gateway_trade_no)
        reason = Reason.PAYMENT_NOT_FOUND
        return Settled(keep_unapplied(report=report, account_id=account_id, reason=reason, at=at), told is not None)
    if ledger.has_collected(account_id=account_id, gateway_trade_no=report.gateway_trade_no):
        kept = find_unapplied(account_id=account_id, gateway_trade_no=report.gateway_trade_no)
        return Settled(kept or payment, told_before=True)
    return Settled(_book(payment=payment, report=report, at=at))


def _book(*, payment: Payment, report: GatewayEvent, at: datetime) -> Payment | UnappliedMoney:
    account_id, reason = payment.account_id, misfit(payment=payment, report=report)
    if reason not in WRONG_SUM or _as_asked(payment, report):
        succeed(payment=payment, report=report, at=at)  # it collected what it asked for, wanted or not
    if reason is not None:
        return keep_unapplied(report=report, account_id=account_id, reason=reason, payment=payment, at=at)
    ledger.collect_payment(payment=payment, gateway_trade_no=report.gateway_trade_no, at=at)
    orders.record_payment(order_id=payment.order_id, amount_fen=report.amount_fen, at=at)
    publish(PaymentSucceeded(payment_id=payment.pk, order_id=payment.order_id))
    return payment


def _as_asked(payment: Payment, report: GatewayEvent) -> bool:
    return (report.currency, report.amount_fen) == ("CNY", payment.amount_fen)
