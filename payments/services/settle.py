"""Booking what a gateway says about a payment: exactly once, in whatever order and however often it says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from kernel.events import publish
from kernel.money import CNY, yuan
from orders import services as orders

from ..events import PaymentSucceeded
from ..gateways import GatewayEvent, Outcome
from ..models import Payment, UnappliedMoney
from . import ledger
from .attempts import close_others, follow, lock_payment, spend, succeed
from .troubles import tell_other_sum
from .unapplied import Reason, find_unapplied, keep_unapplied, misfit
from .words import shop_language


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
        return Settled(follow(payment=payment, report=report, at=at))
    if payment is None:
        told = find_unapplied(account_id=account_id, gateway_trade_no=report.gateway_trade_no)
        reason = Reason.PAYMENT_NOT_FOUND
        return Settled(keep_unapplied(report=report, account_id=account_id, reason=reason, at=at), told is not None)
    if ledger.has_collected(account_id=account_id, gateway_trade_no=report.gateway_trade_no):
        return Settled(_known(payment=payment, report=report, at=at), told_before=True)
    return Settled(_book(payment=payment, report=report, at=at))


def _book(*, payment: Payment, report: GatewayEvent, at: datetime) -> Payment | UnappliedMoney:
    account_id, reason = payment.account_id, misfit(payment=payment, report=report)
    if _as_asked(payment, report):
        succeed(payment=payment, report=report, at=at)  # it collected what it asked for, wanted or not
    else:
        spend(payment=payment, report=report, words=_other_sum(payment, report), at=at)
    if reason is not None:
        return keep_unapplied(report=report, account_id=account_id, reason=reason, payment=payment, at=at)
    ledger.collect_payment(payment=payment, gateway_trade_no=report.gateway_trade_no, at=at)
    order = orders.record_payment(order_id=payment.order_id, amount_fen=report.amount_fen, at=at)
    close_others(order=order, at=at)
    publish(PaymentSucceeded(payment_id=payment.pk, order_id=payment.order_id))
    return payment


def _known(*, payment: Payment, report: GatewayEvent, at: datetime) -> Payment | UnappliedMoney:
    """What a trade was booked as. Told of again with another sum, it is booked as it was, and somebody looks."""
    kept = find_unapplied(account_id=payment.account_id, gateway_trade_no=report.gateway_trade_no)
    booked_fen = kept.amount_fen if kept is not None else payment.amount_fen
    if report.amount_fen not in (0, booked_fen):
        tell_other_sum(trade_no=report.gateway_trade_no, booked_fen=booked_fen, told_fen=report.amount_fen, at=at)
    return kept or payment


def _other_sum(payment: Payment, report: GatewayEvent) -> str:
    with shop_language():
        return _("%(asked)s was asked for, and %(told)s came; it is kept as unapplied money.") % {
            "asked": yuan(payment.amount_fen),
            "told": yuan(report.amount_fen) if report.currency == CNY else f"{report.currency} {report.amount_fen}",
        }


def _as_asked(payment: Payment, report: GatewayEvent) -> bool:
    return (report.currency, report.amount_fen) == (CNY, payment.amount_fen)
