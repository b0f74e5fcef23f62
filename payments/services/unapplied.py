"""Money that came and fits no open order: kept in suspense, made somebody's work, never refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from kernel import alerts
from kernel.events import publish
from kernel.models import Alert
from kernel.money import CNY, yuan
from orders.models import Order

from ..events import MoneyUnapplied
from ..gateways import EventKind, GatewayEvent, Outcome, gateway_class
from ..models import Notification, Payment, Refund, UnappliedMoney
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
    if payment.status == Payment.Status.SUCCEEDED or payment.order.due_fen == 0:
        return Reason.ALREADY_PAID
    if report.amount_fen > payment.order.due_fen:
        return Reason.ALREADY_PAID if payment.order.paid_fen else Reason.OTHER_AMOUNT
    if report.amount_fen < payment.order.due_fen and _is_old(payment):
        return Reason.OTHER_AMOUNT
    return None


def _is_old(payment: Payment) -> bool:
    """It is not offered any more: the price may have been changed since it asked."""
    return payment.withdrawn_at is not None or payment.status not in Payment.OPEN


def has_money_on_hold(*, order: Order, payment_nos: Sequence[str]) -> bool:
    """Money of an order in suspense, or a success of one of its attempts in the inbox that is not applied yet."""
    if UnappliedMoney.objects.filter(order=order, resolved_at=None).exists():
        return True
    states = (Notification.State.RECEIVED, Notification.State.PARKED)
    told = Notification.objects.filter(payment_no__in=payment_nos, state__in=states)
    news = told.filter(kind=EventKind.PAYMENT).values_list("facts", flat=True)
    return any(facts.get("outcome") == Outcome.SUCCEEDED for facts in news)


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
            "proposed_action": propose(
                reason=reason, order=order, amount_fen=report.amount_fen, currency=report.currency
            ),
            "received_at": at,
        },
    )
    if is_new:
        ledger.collect_unapplied(money=money, at=at)
        tell(money=money, at=at)
        publish(MoneyUnapplied(unapplied_id=money.pk))
    return money


def find_unapplied(*, account_id: int, gateway_trade_no: str) -> UnappliedMoney | None:
    return UnappliedMoney.objects.filter(account_id=account_id, gateway_trade_no=gateway_trade_no).first()


def proposal_now(money: UnappliedMoney, *, at: datetime) -> UnappliedMoney.Action:
    """
    What to do with it as its order stands now: a price changed since may have made it fit.

    What somebody wanted to give back and its gateway does not, or not any more, goes back outside it.
    """
    reason = Reason(money.reason)
    action = propose(reason=reason, order=money.order, amount_fen=money.amount_fen, currency=money.currency)
    if action != Action.APPLY and (_was_denied(money) or is_too_late(money=money, at=at)):
        return Action.OUTSIDE
    return action


def refund_window(money: UnappliedMoney) -> timedelta:
    """How long after the payment its gateway takes refunds."""
    return gateway_class(code=money.account.gateway).capabilities.refund_window or timedelta.max


def is_too_late(*, money: UnappliedMoney, at: datetime) -> bool:
    """Whether its gateway takes no refund of it any more."""
    payment = money.payment
    is_own = payment is not None and payment.gateway_trade_no == money.gateway_trade_no
    paid_at = (payment.paid_at if payment is not None and is_own else None) or money.received_at
    return at - paid_at > refund_window(money)


def _was_denied(money: UnappliedMoney) -> bool:
    """By its gateway, or it did not arrive, as a person saw. Reads what callers of many have fetched."""
    return any(it.status == Refund.Status.FAILED for it in money.refunds.all())


def take_up_again(*, money: UnappliedMoney, at: datetime) -> None:
    """What was kept is in suspense again, and somebody's work. The money is locked."""
    ledger.give_up_kept(money=money, at=at)
    money.resolution, money.resolved_at = "", None
    money.save(update_fields=["resolution", "resolved_at"])
    alert(money=money, at=at)


def propose(
    *, reason: UnappliedMoney.Reason, order: Order | None, amount_fen: int, currency: str
) -> UnappliedMoney.Action:
    """Whoever paid a moment too late most likely still wants the goods; what fits exactly is most likely meant so."""
    if order is None or currency != CNY:
        return Action.REFUND
    if order.is_closed:
        is_late = reason == Reason.ORDER_CLOSED and order.close_reason == Order.CloseReason.PAYMENT_TIMEOUT
        return Action.REVIVE if is_late else Action.REFUND
    return Action.APPLY if amount_fen == order.due_fen else Action.REFUND


def tell(*, money: UnappliedMoney, at: datetime) -> None:
    """Into the order's timeline, and as an alert: it is work."""
    if money.order is not None:
        facts = {"amount": yuan(money.amount_fen), "trade_no": money.gateway_trade_no}
        note(order=money.order, code=f"unapplied_{money.reason}", facts=facts, at=at)
    alert(money=money, at=at)


def alert(*, money: UnappliedMoney, at: datetime) -> None:
    """Open, or open again, what somebody has to decide."""
    with shop_language():
        text = _("%(amount)s fits no open order: %(why)s. Decide what to do with it.") % {
            "amount": yuan(money.amount_fen),
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
