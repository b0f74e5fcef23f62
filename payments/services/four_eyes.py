"""Which refunds a second person has to allow, and what exactly that person allows."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from kernel import approvals
from kernel.clock import business_day, day_bounds
from kernel.errors import DomainError
from kernel.models import User
from kernel.money import CNY, yuan
from kernel.shop import refund_cap_fen, refunds_a_day, shop

from ..models import Refund, RefundLine

REFUND = approvals.Kind("payments.refund", asks="payments.request_refund", decides="payments.approve_refund")
Status = Refund.Status


class RefundAboveCap(DomainError):
    text = _("You may refund up to %(cap)s at a time. Ask somebody with a higher limit.")


class RefundsADayReached(DomainError):
    text = _("You have refunded %(most)d times today, as often as your role may. Ask somebody with a higher limit.")


def first_status(*, amount_fen: int, by: User | None, by_rule: bool, at: datetime) -> Refund.Status:
    """
    Where a new refund starts: to be sent, or to be allowed first.

    :raises RefundAboveCap: if the person may refund no more, and may not request refunds either
    :raises RefundsADayReached: the same for the number of refunds in a day
    """
    if by_rule:
        return Status.PENDING_APPROVAL if shop().rule_refunds_need_approval else Status.PENDING
    if by is None:
        return Status.PENDING
    try:
        ensure_within_limits(amount_fen=amount_fen, by=by, at=at)
    except (RefundAboveCap, RefundsADayReached):
        if not by.has_perm(REFUND.asks):
            raise
        return Status.PENDING_APPROVAL
    return Status.PENDING


def ensure_within_limits(*, amount_fen: int, by: User, at: datetime) -> None:
    """
    That a person may give so much back alone, and once more today.

    :raises RefundAboveCap: if it is more than the person's roles allow at a time
    :raises RefundsADayReached: if the person has refunded as often as the roles allow in a day
    """
    cap_fen = refund_cap_fen(by)
    if cap_fen is not None and amount_fen > cap_fen:
        raise RefundAboveCap(cap=yuan(cap_fen))
    most = refunds_a_day(by)
    if most is not None and refunds_today(by=by, at=at) >= most:
        raise RefundsADayReached(most=most)


def refunds_today(*, by: User, at: datetime) -> int:
    """How many refunds a person has requested this business day; those that nobody allowed do not count."""
    start, end = day_bounds(business_day(at))
    asked = Refund.objects.filter(requested_by=by, created_at__gte=start, created_at__lt=end)
    return asked.exclude(status=Status.REJECTED).count()


def ask_for_approval(*, refund: Refund, by: User | None, at: datetime) -> None:
    """Ask for a second person's word on a new refund; its lines are there."""
    approvals.ask(kind=REFUND, subject=refund, payload=payload_of(refund), by=by, at=at)


def ensure_approved_as_is(*, refund: Refund) -> None:
    """
    That a refund goes out as it was allowed, if it needed that.

    :raises NotApproved: if nobody allowed it
    :raises PayloadChanged: if it was changed since
    """
    approvals.ensure_unchanged(kind=REFUND, subject=refund, payload=payload_of(refund))


def payload_of(refund: Refund) -> approvals.Payload:
    """All that a person who approves a refund sees and allows."""
    lines = RefundLine.objects.filter(refund_id=refund.pk).order_by("line_id").values_list("line_id", "amount_fen")
    return {
        "refund_no": refund.refund_no,
        "payment_id": refund.payment_id,
        "unapplied_id": refund.unapplied_id,
        "order_id": refund.order_id,
        "way": str(refund.way),
        "currency": CNY,
        "amount_fen": refund.amount_fen,
        "shipping_fen": refund.shipping_fen,
        "lines": [list(line) for line in lines],
        "reason": refund.reason,
    }
