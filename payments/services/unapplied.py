"""Money that came and fits no open order: kept in suspense, made somebody's work, never refused."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from kernel import alerts
from kernel.events import publish
from kernel.models import Alert
from kernel.money import CNY, yuan
from orders.models import Order

from ..events import MoneyUnapplied
from ..gateways import GatewayEvent
from ..models import Payment, UnappliedMoney
from . import ledger
from .journal import note
from .words import shop_language

Reason = UnappliedMoney.Reason
Action = UnappliedMoney.Action
WRONG_SUM = (Reason.OTHER_AMOUNT, Reason.OTHER_CURRENCY)


def misfit(*, payment: Payment, report: GatewayEvent) -> UnappliedMoney.Reason | None:
    """Why collected money cannot pay the order it was asked for. Payment and order are locked."""
    if report.currency != CNY:
        return Reason.OTHER_CURRENCY
    if report.amount_fen != payment.amount_fen:
        return Reason.OTHER_AMOUNT
    if payment.order.is_closed:
        return Reason.ORDER_CLOSED
    if payment.status == Payment.Status.SUCCEEDED or report.amount_fen > payment.order.due_fen:
        return Reason.ALREADY_PAID
    if payment.withdrawn_at is not None and report.amount_fen != payment.order.due_fen:
        return Reason.OTHER_AMOUNT  # an old code, paid after the price was changed
    return None


@transaction.atomic
def keep_unapplied(
    *,
    report: GatewayEvent,
    account_id: int,
    reason: UnappliedMoney.Reason,
    payment: Payment | None = None,
    at: datetime,
) -> UnappliedMoney:
    """
    Book money that fits no open order to suspense and make it somebody's work, once per gateway trade.

    :param report: authenticated, outcome SUCCEEDED; amount in fen
    :param payment: the attempt it came for, locked with its order, if there is one
    """
    order = payment.order if payment is not None else None
    money, is_new = UnappliedMoney.objects.get_or_create(
        account_id=account_id,
        gateway_trade_no=report.gateway_trade_no,
        defaults={
            "payment_no": report.payment_no,
            "payment": payment,
            "order": order,
            "amount_fen": report.amount_fen,
            "currency": report.currency,
            "reason": reason,
            "proposed_action": _proposal(reason=reason, order=order),
            "received_at": at,
        },
    )
    if is_new:
        ledger.collect_unapplied(money=money, at=at)
        _tell(money, at=at)
        publish(MoneyUnapplied(unapplied_id=money.pk))
    return money


def find_unapplied(*, account_id: int, gateway_trade_no: str) -> UnappliedMoney | None:
    return UnappliedMoney.objects.filter(account_id=account_id, gateway_trade_no=gateway_trade_no).first()


def _proposal(*, reason: UnappliedMoney.Reason, order: Order | None) -> UnappliedMoney.Action:
    """A customer who paid a moment too late most likely still wants the goods."""
    if reason == Reason.ORDER_CLOSED and order is not None and order.close_reason == Order.CloseReason.PAYMENT_TIMEOUT:
        return Action.REVIVE
    return Action.REFUND


def _tell(money: UnappliedMoney, *, at: datetime) -> None:
    amount = yuan(money.amount_fen)
    if money.order is not None:
        facts = {"amount": amount, "trade_no": money.gateway_trade_no}
        note(order=money.order, code=f"unapplied_{money.reason}", facts=facts, at=at)
    with shop_language():
        text = _("%(amount)s fits no open order: %(why)s. Decide what to do with it.") % {
            "amount": amount,
            "why": money.get_reason_display(),
        }
    alerts.raise_alert(
        kind="payments.unapplied",
        subject=money.gateway_trade_no,
        severity=Alert.Severity.WARNING,
        text=text,
        evidence={"unapplied_id": money.pk, "payment_no": money.payment_no},
        at=at,
    )
