"""What became of a refund, booked exactly once: by the answer to the call, by a query, or by a notification."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from kernel import alerts
from kernel.db import retry_on_conflict
from kernel.events import publish
from kernel.failpoints import failpoint
from kernel.money import yuan
from orders import services as orders

from ..events import RefundSettled
from ..gateways import GatewayEvent, Outcome
from ..models import Payment, Refund, RefundLine, UnappliedMoney
from . import ledger
from .attempts import WORDS_LENGTH
from .journal import note
from .refund_doubts import book_surplus, doubt, is_covered, tell_contradicted
from .refund_letters import tell_customer
from .troubles import Severity, tell_refund
from .unapplied import Action, alert, take_up_again
from .words import shop_language

Status = Refund.Status
FOLLOWS = {
    Outcome.PENDING: Status.PROCESSING,
    Outcome.UNKNOWN: Status.UNKNOWN,
    Outcome.REQUIRES_ACTION: Status.REQUIRES_ACTION,
    Outcome.NOT_FOUND: Status.PROCESSING,  # not carried out yet: the same request goes out again
}
NO_NEWS = (Outcome.NOT_FOUND, Outcome.UNKNOWN)
ENDS = {Outcome.FAILED: Status.FAILED, Outcome.CLOSED: Status.CANCELED}


def lock_refund(*, refund_id: int) -> Refund:
    """The refund with its payment or its suspense money, locked: order, payment, refund."""
    seen = Refund.objects.only("pk", "order_id", "payment_id", "unapplied_id").get(pk=refund_id)
    order = orders.lock_order(order_id=seen.order_id) if seen.order_id else None
    payment = Payment.objects.select_for_update().get(pk=seen.payment_id) if seen.payment_id else None
    refund = Refund.objects.select_for_update().get(pk=refund_id)
    if seen.unapplied_id:
        refund.unapplied = UnappliedMoney.objects.select_for_update().get(pk=seen.unapplied_id)
    refund.order, refund.payment = order, payment
    return refund


@retry_on_conflict
@transaction.atomic
def settle_refund(*, refund_id: int, report: GatewayEvent, at: datetime) -> Refund:
    """
    Move a refund to where its gateway says it stands. Success is booked once, whatever was believed before.

    :param report: authenticated; fen, 0 where the gateway does not say
    """
    refund = lock_refund(refund_id=refund_id)
    refund.last_message = report.message[:WORDS_LENGTH] or refund.last_message
    if refund.status == Status.SUCCEEDED:
        doubt(refund=refund, report=report, at=at)
        return refund
    if report.outcome is Outcome.SUCCEEDED:
        _succeed(refund, report, at=at)
    elif refund.status in Refund.IN_FLIGHT and refund.status != Status.PENDING_APPROVAL:  # never sent, nothing failed
        _follow(refund, report, at=at)
    refund.save()
    failpoint("refund.before_commit")
    return refund


def _succeed(refund: Refund, report: GatewayEvent, *, at: datetime) -> None:
    if report.amount_fen not in (0, refund.amount_fen):
        _halt(refund, report, at=at)
        return
    is_reserved = refund.status in Refund.IN_FLIGHT
    if not is_reserved and ledger.is_gone(refund=refund):
        return
    if not is_reserved and not is_covered(refund):
        book_surplus(refund=refund, at=at)
        return
    if not is_reserved and refund.is_settled_by_hand:
        tell_contradicted(refund=refund, at=at)
    if refund.unapplied is not None and refund.unapplied.resolution == Action.INCOME:
        take_up_again(money=refund.unapplied, at=at)  # it was kept, for it had not gone back
    refund.settled_at = report.occurred_at
    book_success(refund=refund, reserved=is_reserved, at=at)
    if refund.unapplied is not None and not is_reserved:
        _resolve_again(refund.unapplied, at=at)
    facts = {"refund_no": refund.refund_no, "amount": yuan(refund.amount_fen)}
    if refund.order is not None:
        note(order=refund.order, code="refund_succeeded", facts=facts, at=at)
        tell_customer(refund=refund, at=at)


def _resolve_again(money: UnappliedMoney, *, at: datetime) -> None:
    """Its refund was believed to have failed, which made it work again; now it is gone."""
    money.resolved_at, money.resolution = at, Action.REFUND
    money.save(update_fields=["resolved_at", "resolution"])
    alerts.resolve(kind="payments.unapplied", subject=money.gateway_trade_no, at=at)


def book_success(*, refund: Refund, reserved: bool, at: datetime) -> None:
    """
    The money is gone: ledger, payment, order. The caller holds the locks and saves the refund.

    :param reserved: its amount is among the refunds in flight
    """
    refund.status, refund.settled_at, refund.due_at = Status.SUCCEEDED, refund.settled_at or at, None
    ledger.settle_refund(refund=refund, reserved=reserved, at=at)
    if refund.is_of_payment:
        _count(refund, reserved=reserved)
    if refund.unapplied is None:
        _tell_order(refund, at=at)
    publish(RefundSettled(refund_id=refund.pk, status=refund.status))


def _tell_order(refund: Refund, *, at: datetime) -> None:
    assert refund.order_id is not None  # noqa: S101 - a refund that is not of suspense money has an order
    lines = list(RefundLine.objects.filter(refund=refund).values_list("line_id", "amount_fen"))
    orders.record_refund(
        order_id=refund.order_id,
        amount_fen=refund.amount_fen,
        shipping_fen=refund.shipping_fen,
        lines=lines,
        at=at,
    )


def _count(refund: Refund, *, reserved: bool) -> None:
    payment = refund.payment
    assert payment is not None  # noqa: S101 - it is_of_payment
    payment.refunded_fen += refund.amount_fen
    payment.refunding_fen -= refund.amount_fen if reserved else 0
    payment.save(update_fields=["refunded_fen", "refunding_fen"])


def _follow(refund: Refund, report: GatewayEvent, *, at: datetime) -> None:
    if report.outcome in ENDS:
        fail(refund, ENDS[report.outcome], words=report.message or report.code, at=at)
    elif refund.status != Status.REQUIRES_ACTION or report.outcome not in NO_NEWS:  # it needs a person until told else
        if report.outcome is Outcome.REQUIRES_ACTION and refund.status != Status.REQUIRES_ACTION:
            _call_a_person(refund, words=report.message or report.code, at=at)
        refund.status = FOLLOWS[report.outcome]


def _call_a_person(refund: Refund, *, words: str, at: datetime) -> None:
    """The gateway could not give it back by itself: the customer waits until somebody does something."""
    facts = {"refund_no": refund.refund_no, "amount": yuan(refund.amount_fen), "words": words}
    with shop_language():
        text = _("Refund %(refund_no)s of %(amount)s needs a person: %(words)s") % facts
    tell_refund(refund_no=refund.refund_no, text=text, at=at)


def release(refund: Refund, status: Refund.Status, *, at: datetime) -> None:
    """It will not happen: the reserve is released, and the money can be refunded under a new number."""
    refund.status, refund.settled_at, refund.due_at = status, at, None
    ledger.release_refund(refund=refund, at=at)
    if refund.is_of_payment and refund.payment is not None:
        refund.payment.refunding_fen -= refund.amount_fen
        refund.payment.save(update_fields=["refunding_fen"])
    if refund.unapplied is not None:
        UnappliedMoney.objects.filter(pk=refund.unapplied.pk).update(resolved_at=None, resolution="")
        alert(money=refund.unapplied, at=at)  # it is somebody's work again
    publish(RefundSettled(refund_id=refund.pk, status=status))


def fail(refund: Refund, status: Refund.Status, *, words: str, at: datetime) -> None:
    """For certain; the caller saves it."""
    release(refund, status, at=at)
    facts = {"refund_no": refund.refund_no, "amount": yuan(refund.amount_fen), "words": words}
    if refund.order is not None:
        note(order=refund.order, code="refund_failed", facts=facts, at=at)
    with shop_language():
        text = _("Refund %(refund_no)s of %(amount)s failed: %(words)s") % facts
    tell_refund(refund_no=refund.refund_no, text=text, at=at)


def _halt(refund: Refund, report: GatewayEvent, *, at: datetime) -> None:
    """Another sum went back than we asked for: no guess is booked, a person looks."""
    if refund.status in Refund.IN_FLIGHT:
        refund.status, refund.due_at = Status.REQUIRES_ACTION, None
    with shop_language():
        text = _("Refund %(refund_no)s: %(asked)s was asked for, and the gateway says %(told)s went back.") % {
            "refund_no": refund.refund_no,
            "asked": yuan(refund.amount_fen),
            "told": yuan(report.amount_fen),
        }
    tell_refund(refund_no=refund.refund_no, text=text, severity=Severity.CRITICAL, at=at)
