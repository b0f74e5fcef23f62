"""A person settles a refund that no query does: by what the gateway's own console shows."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import alerts, audit
from kernel.clock import local
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.models import User
from kernel.money import yuan

from ..models import Refund
from .journal import note
from .refund_letters import tell_customer
from .refund_outcomes import book_success, fail, lock_refund
from .refunding import ReasonMissing
from .schedule import DAILY

UNKNOWN_FOR = timedelta(hours=1)  # until then the queries most likely settle it
Status = Refund.Status


class CannotSettle(DomainError):
    text = _("Refund %(refund_no)s is “%(status)s”. Only one that needs a person can be settled by hand.")


class StillBeingAsked(DomainError):
    text = _("The gateway is still being asked about refund %(refund_no)s. Settle it by hand from %(time)s on.")


def may_settle(*, refund: Refund, at: datetime) -> bool:
    """Whether only a person can say what became of it."""
    if refund.status == Status.REQUIRES_ACTION:
        return True
    return refund.status == Status.UNKNOWN and at >= _settleable_from(refund)


@retry_on_conflict
@transaction.atomic
def settle_by_hand(*, refund_id: int, was_refunded: bool, reason: str, by: User, at: datetime) -> Refund:
    """
    Settle a refund by what the gateway's console shows. The gateway is asked once more a day later.

    :param was_refunded: whether the money went back to the customer
    :param reason: where that was seen
    :raises ReasonMissing: if nobody says where
    :raises CannotSettle: if it is settled, or on its way
    :raises StillBeingAsked: if its outcome is not unknown for long enough
    """
    if not reason.strip():
        raise ReasonMissing
    refund = lock_refund(refund_id=refund_id)
    _check(refund, at=at)
    before = refund.status
    refund.settled_by, refund.settled_reason = by, reason.strip()[:200]
    if was_refunded:
        _note_refunded(refund, by=by, at=at)
    else:
        fail(refund, Status.FAILED, words=refund.settled_reason, at=at)
    refund.due_at = at + DAILY
    refund.save()
    alerts.resolve(kind="payments.refund", subject=refund.refund_no, by=by, at=at)
    audit.record(
        action="payments.settle_refund",
        subject=refund,
        by=by,
        at=at,
        before={"status": before},
        after={"status": refund.status},
        reason=refund.settled_reason,
    )
    return refund


def _note_refunded(refund: Refund, *, by: User, at: datetime) -> None:
    book_success(refund=refund, reserved=True, at=at)
    if refund.order is not None:
        facts = {"refund_no": refund.refund_no, "amount": yuan(refund.amount_fen), "reason": refund.settled_reason}
        note(order=refund.order, code="refund_settled_by_hand", facts=facts, by=by, at=at)
        tell_customer(refund=refund, at=at)


def _check(refund: Refund, *, at: datetime) -> None:
    if refund.status == Status.UNKNOWN and at < _settleable_from(refund):
        raise StillBeingAsked(refund_no=refund.refund_no, time=f"{local(_settleable_from(refund)):%H:%M}")
    if not may_settle(refund=refund, at=at):
        raise CannotSettle(refund_no=refund.refund_no, status=refund.get_status_display())


def _settleable_from(refund: Refund) -> datetime:
    return (refund.sent_at or refund.created_at) + UNKNOWN_FOR
