"""A second person decides on a refund: it is sent, or its reserve is released. Undecided for a day, it lapses."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel import alerts, approvals
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.failpoints import failpoint
from kernel.models import User
from kernel.money import yuan
from kernel.queue import after_commit
from kernel.shop import refund_cap_fen
from kernel.step_up import confirm_person

from ..models import Refund
from .four_eyes import REFUND, payload_of
from .journal import note
from .refund_outcomes import lock_refund, release
from .refunding import SEND
from .troubles import Severity
from .words import shop_language

Status = Refund.Status


class ApproverCapTooLow(DomainError):
    text = gettext_lazy("You may approve refunds up to %(cap)s. Somebody with a higher limit has to approve this one.")


def approve_refund(*, refund_id: int, password: str, by: User, at: datetime) -> Refund:
    """
    Allow a refund that somebody else, or a rule, requested; it is sent after the commit.

    :param password: of whoever approves, once more
    :raises NotConfirmed: if it is wrong
    :raises TooManyTries: after some wrong ones in a row
    :raises NothingToDecide: if the refund does not await approval
    :raises ApproverCapTooLow: if the approver could not refund so much either
    :raises DomainError: as `approvals.approve`
    """
    confirm_person(by=by, password=password, at=at)
    return _approve(refund_id=refund_id, by=by, at=at)


@retry_on_conflict
@transaction.atomic
def _approve(*, refund_id: int, by: User, at: datetime) -> Refund:
    refund = _lock_waiting(refund_id)
    cap_fen = refund_cap_fen(User.objects.get(pk=by.pk))
    approvals.approve(kind=REFUND, subject=refund, payload=payload_of(refund), by=by, at=at)
    if cap_fen is not None and refund.amount_fen > cap_fen:
        raise ApproverCapTooLow(cap=yuan(cap_fen))
    approvals.use(kind=REFUND, subject=refund, payload=payload_of(refund), at=at)
    refund.status, refund.due_at = Status.PENDING, at
    refund.save(update_fields=["status", "due_at"])
    _note(refund, "refund_approved", by=by, at=at)
    after_commit(SEND, refund_id=refund.pk)
    failpoint("refund_approval.before_commit")
    return refund


@retry_on_conflict
@transaction.atomic
def reject_refund(*, refund_id: int, reason: str, by: User, at: datetime) -> Refund:
    """
    Refuse a refund that awaits approval: nothing is sent, and the amount can be refunded again.

    :raises RejectionReasonMissing: if nobody says why
    :raises NothingToDecide: if the refund does not await approval
    :raises MayNotDecide: if the person has not the right, now
    """
    refund = _lock_waiting(refund_id)
    approval = approvals.reject(kind=REFUND, subject=refund, reason=reason, by=by, at=at)
    refund.last_message = approval.reason
    release(refund, Status.REJECTED, at=at)
    refund.save()
    _note(refund, "refund_rejected", by=by, at=at)
    return refund


@retry_on_conflict
@transaction.atomic
def withdraw_refund(*, refund_id: int, by: User, at: datetime) -> Refund:
    """
    Take back one's own request before anybody decided on it: nothing is sent, and the amount can be refunded again.

    :raises NothingToDecide: if the refund does not await approval
    :raises NotYourRequest: if somebody else requested it
    """
    refund = _lock_waiting(refund_id)
    approvals.withdraw(kind=REFUND, subject=refund, by=by, at=at)
    with shop_language():
        refund.last_message = _("Withdrawn by %(person)s.") % {"person": by}
    release(refund, Status.REJECTED, at=at)
    refund.save()
    _note(refund, "refund_withdrawn", by=by, at=at)
    return refund


def expire_refund_approvals(*, at: datetime, limit: int) -> int:
    """
    Reject refunds that nobody decided on within a day, and tell whoever asked.

    :return: how many were looked at
    """
    overdue = approvals.overdue(kind=REFUND, at=at, limit=limit)
    for refund_id in overdue:
        _expire(refund_id=int(refund_id), at=at)
    return len(overdue)


@retry_on_conflict
@transaction.atomic
def _expire(*, refund_id: int, at: datetime) -> None:
    refund = lock_refund(refund_id=refund_id)
    if not approvals.expire(kind=REFUND, subject=refund, at=at) or refund.status != Status.PENDING_APPROVAL:
        return
    with shop_language():
        refund.last_message = _("Nobody approved it within a day.")
    release(refund, Status.REJECTED, at=at)
    refund.save()
    _note(refund, "refund_approval_expired", by=None, at=at)
    _tell_expired(refund, at=at)


def _tell_expired(refund: Refund, *, at: datetime) -> None:
    with shop_language():
        text = _(
            "Refund %(refund_no)s of %(amount)s, requested by %(person)s, was not approved within a day and has "
            "lapsed. Request it again if the money shall go back."
        ) % {**_facts(refund), "person": refund.requested_by or _("a rule")}
    alerts.raise_alert(
        kind="payments.refund_lapsed",
        subject=refund.refund_no,
        severity=Severity.WARNING,
        text=text,
        evidence={"refund_no": refund.refund_no, "requested_by": str(refund.requested_by or "")},
        at=at,
    )


def _lock_waiting(refund_id: int) -> Refund:
    refund = lock_refund(refund_id=refund_id)
    if refund.status != Status.PENDING_APPROVAL:
        raise approvals.NothingToDecide
    return refund


def _note(refund: Refund, code: str, *, by: User | None, at: datetime) -> None:
    if refund.order is not None:
        note(order=refund.order, code=code, facts=_facts(refund), by=by, at=at)


def _facts(refund: Refund) -> dict[str, object]:
    return {"refund_no": refund.refund_no, "amount": yuan(refund.amount_fen), "words": refund.last_message}
