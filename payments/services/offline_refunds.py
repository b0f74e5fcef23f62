"""Money paid back outside the gateway, by bank transfer or in cash: recorded as a refund like any other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.failpoints import failpoint
from kernel.models import User
from kernel.money import yuan
from kernel.numbers import gateway_number
from orders import services as orders
from orders.models import Order

from ..models import LedgerEntry, Payment, Refund, RefundLine
from ..queries import left_to_refund, refundable_payments
from .attempts import lock_payment_by_id
from .elsewhere import PAID, SOURCE
from .four_eyes import ensure_within_limits
from .journal import note
from .refund_letters import tell_paid_back
from .refund_outcomes import book_success
from .refunding import (
    KeyUsedOtherwise,
    MoneyStillUnapplied,
    NothingCollected,
    ReasonMissing,
    RefundAboveRest,
    is_unapplied,
)
from .shares import Share, split


class NotPaidElsewhere(DomainError):
    text = _("Order %(order_no)s holds no money that was collected elsewhere. Choose the payment that is paid back.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidBack:
    """
    What somebody paid back by hand.

    :param payment_id: the payment it counts against; None for money of an imported order, collected elsewhere
    :param way: a Refund.Way other than GATEWAY
    :param reason: why, and where the receipt is
    :param tells_customer: whether the customer is written to
    """

    order_id: int
    payment_id: int | None
    share: Share
    way: str
    reason: str
    tells_customer: bool = False


@retry_on_conflict
@transaction.atomic
def record_offline_refund(*, paid_back: PaidBack, key: str, by: User, at: datetime) -> Refund:
    """
    Book money that went back to the customer outside the gateway. It counts against what can be refunded.

    :param key: of the form; the same key records the same refund
    :raises ReasonMissing: if nobody says why
    :raises NothingCollected: if the payment has no money, or is not the order's
    :raises MoneyStillUnapplied: if its money is not the order's
    :raises NotPaidElsewhere: without a payment, if no money was collected elsewhere
    :raises RefundAboveRest: if less is left, refunds in flight taken off
    :raises RefundAboveCap: if the person may not refund so much
    :raises RefundsADayReached: if the person may not refund so often
    :raises KeyUsedOtherwise: if the key stands for another refund
    :raises DomainError: as `shares.split`, if the shares cannot be
    """
    order = orders.lock_order(order_id=paid_back.order_id)
    payment = lock_payment_by_id(payment_id=paid_back.payment_id) if paid_back.payment_id else None
    earlier = Refund.objects.filter(request_key=key).first()
    if earlier is not None:
        if (earlier.order_id, earlier.amount_fen) != (order.pk, paid_back.share.amount_fen):
            raise KeyUsedOtherwise
        return earlier
    _check(order, payment, paid_back, by=by, at=at)
    lines = split(share=paid_back.share, left=left_to_refund(order=order))
    refund = _create(order, payment, paid_back, key=key, by=by, at=at)
    RefundLine.objects.bulk_create(
        RefundLine(refund=refund, line_id=line_id, amount_fen=fen) for line_id, fen in lines.items()
    )
    _book(refund, by=by, at=at)
    if paid_back.tells_customer:
        tell_paid_back(refund=refund, at=at)
    failpoint("refund_offline.before_commit")
    return refund


def elsewhere_left(*, order: Order) -> int:
    """Fen of an imported order that were collected elsewhere and not paid back yet."""
    if not order.is_imported:
        return 0
    coming = Refund.objects.filter(order=order, unapplied=None, status__in=Refund.IN_FLIGHT)
    in_flight_fen = coming.aggregate(fen=Sum("amount_fen"))["fen"] or 0
    ours_fen = sum(payment.refundable_fen for payment in refundable_payments(order=order))
    return order.paid_fen - order.refunded_fen - in_flight_fen - ours_fen


def _check(order: Order, payment: Payment | None, paid_back: PaidBack, *, by: User, at: datetime) -> None:
    if not paid_back.reason.strip():
        raise ReasonMissing
    if payment is None:
        left_fen = _elsewhere(order)
    elif payment.order_id != order.pk or payment.status != Payment.Status.SUCCEEDED:
        raise NothingCollected(payment_no=payment.payment_no)
    elif is_unapplied(payment):
        raise MoneyStillUnapplied(payment_no=payment.payment_no)
    else:
        left_fen = payment.refundable_fen
    if paid_back.share.amount_fen > left_fen:
        raise RefundAboveRest(left=yuan(left_fen))
    ensure_within_limits(amount_fen=paid_back.share.amount_fen, by=by, at=at)


def _elsewhere(order: Order) -> int:
    is_booked = LedgerEntry.objects.filter(source_type=SOURCE, source_id=order.pk, kind=PAID).exists()
    if not is_booked:
        raise NotPaidElsewhere(order_no=order.order_no)
    return elsewhere_left(order=order)


def _create(order: Order, payment: Payment | None, paid_back: PaidBack, *, key: str, by: User, at: datetime) -> Refund:
    return Refund.objects.create(
        refund_no=gateway_number("R", at=at),
        request_key=key,
        payment=payment,
        order=order,
        way=Refund.Way(paid_back.way),
        amount_fen=paid_back.share.amount_fen,
        shipping_fen=paid_back.share.shipping_fen,
        reason=paid_back.reason.strip()[:200],
        requested_by=by,
        settled_by=by,
        created_at=at,
    )


def _book(refund: Refund, *, by: User, at: datetime) -> None:
    book_success(refund=refund, reserved=False, at=at)
    refund.save()
    facts = {"refund_no": refund.refund_no, "amount": yuan(refund.amount_fen), "reason": refund.reason}
    assert refund.order is not None  # noqa: S101 - made with one
    note(order=refund.order, code="refund_offline", facts=facts, by=by, at=at)
    after = {"amount_fen": refund.amount_fen, "shipping_fen": refund.shipping_fen, "way": refund.way}
    audit.record(
        action="payments.record_offline_refund", subject=refund, by=by, at=at, after=after, reason=refund.reason
    )
