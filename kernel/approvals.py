"""
Four eyes: what one person asks for, another allows; exactly that, within a day, and once.

What is allowed is kept as a hash, so that nothing else can be done with the same word. Callers hold the lock of the
subject, and record what they do with the decision in the same transaction.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from . import audit
from .errors import DomainError
from .models import Approval, User

VALID_FOR = timedelta(hours=24)
State = Approval.State


class NothingToDecide(DomainError):
    text = _("This does not await approval any more: it was decided, or its time ran out. Load the page again.")


class NotYourRequest(DomainError):
    text = _("Somebody else asked for this. Only they can withdraw it; whoever may approve it can reject it.")


class ApprovalExpired(DomainError):
    text = _("The request is older than a day and has lapsed. It has to be made again.")


class OwnRequest(DomainError):
    text = _("You asked for this yourself. Somebody else has to approve it.")


class MayNotDecide(DomainError):
    text = _("You have no right to approve this any more.")


class RequesterLostRight(DomainError):
    text = _("%(person)s, who asked for this, has no right to do so any more. Reject it.")


class PayloadChanged(DomainError):
    text = _("This is not what was asked for: it was changed since. Reject it, and ask again.")


class NotApproved(DomainError):
    text = _("Nobody approved this, or the approval was used already.")


class RejectionReasonMissing(DomainError):
    text = _("Write why it is rejected.")


@dataclass(frozen=True, slots=True)
class Kind:
    """
    What can be asked for.

    :param asks: the permission that the requester must still hold when it is decided
    :param decides: the permission of whoever decides
    """

    name: str
    asks: str
    decides: str


Payload = Mapping[str, object]


def payload_hash(payload: Payload) -> str:
    """SHA-256 of the canonical JSON of what is approved."""
    canonical = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def ask(*, kind: Kind, subject: Model, payload: Payload, by: User | None, at: datetime) -> Approval:
    """
    Ask for a second person's word.

    :param payload: all that the word is about, as JSON knows it
    :param by: None for a rule
    """
    return Approval.objects.create(
        kind=kind.name,
        subject_type=audit.subject_type(subject),
        subject_id=str(subject.pk),
        open_key=f"{kind.name}:{subject.pk}",
        payload_hash=payload_hash(payload),
        requested_by=by,
        requested_at=at,
        expires_at=at + VALID_FOR,
    )


def approve(*, kind: Kind, subject: Model, payload: Payload, by: User, at: datetime) -> Approval:
    """
    Say yes to what is asked for now.

    :raises NothingToDecide: if it was decided
    :raises ApprovalExpired: if it was asked for too long ago
    :raises OwnRequest: if the same person asked
    :raises MayNotDecide: if the person has not the right, now
    :raises RequesterLostRight: if whoever asked has it no longer
    :raises PayloadChanged: if it is something else than was asked for
    """
    approval = _open(kind, subject)
    if at >= approval.expires_at:
        raise ApprovalExpired
    if approval.requested_by_id == by.pk:
        raise OwnRequest
    if not _holds(by, kind.decides):
        raise MayNotDecide
    requester = approval.requested_by
    if requester is not None and not _holds(requester, kind.asks):
        raise RequesterLostRight(person=requester)
    if approval.payload_hash != payload_hash(payload):
        raise PayloadChanged
    _decide(approval, State.APPROVED, by=by, at=at)
    audit.record(action="approvals.approve", subject=subject, by=by, at=at, after=_facts(approval))
    return approval


def reject(*, kind: Kind, subject: Model, reason: str, by: User, at: datetime) -> Approval:
    """
    Say no, and why.

    :raises RejectionReasonMissing: if nobody says why
    :raises NothingToDecide: if it was decided
    :raises MayNotDecide: if the person has not the right, now
    """
    if not reason.strip():
        raise RejectionReasonMissing
    approval = _open(kind, subject)
    if not _holds(by, kind.decides):
        raise MayNotDecide
    approval.reason = reason.strip()[:200]
    _decide(approval, State.REJECTED, by=by, at=at)
    audit.record(
        action="approvals.reject", subject=subject, by=by, at=at, after=_facts(approval), reason=approval.reason
    )
    return approval


def withdraw(*, kind: Kind, subject: Model, by: User, at: datetime) -> Approval:
    """
    Take back what one asked for oneself, before it is decided.

    :raises NothingToDecide: if it was decided
    :raises NotYourRequest: if somebody else asked
    """
    approval = _open(kind, subject)
    if approval.requested_by_id != by.pk:
        raise NotYourRequest
    _decide(approval, State.WITHDRAWN, by=by, at=at)
    audit.record(action="approvals.withdraw", subject=subject, by=by, at=at, after=_facts(approval))
    return approval


def expire(*, kind: Kind, subject: Model, at: datetime) -> bool:
    """Let a request lapse that nobody decided in time; whether there was one."""
    overdue_one = _waiting(kind, subject).filter(expires_at__lte=at).first()
    if overdue_one is None:
        return False
    _decide(overdue_one, State.EXPIRED, by=None, at=at)
    audit.record(action="approvals.expire", subject=subject, by=None, at=at, after=_facts(overdue_one))
    return True


def overdue(*, kind: Kind, at: datetime, limit: int) -> list[str]:
    """The ids of the subjects whose requests nobody decided in time."""
    waiting = Approval.objects.filter(kind=kind.name, state=State.PENDING, expires_at__lte=at)
    return list(waiting.order_by("expires_at", "pk").values_list("subject_id", flat=True)[:limit])


def use(*, kind: Kind, subject: Model, payload: Payload, at: datetime) -> None:
    """
    Use up an approval, in the transaction that does what it allows.

    :raises NotApproved: if nobody approved it, or it was used
    :raises PayloadChanged: if it is something else than was approved
    """
    approval = latest(kind=kind, subject_id=subject.pk)
    if approval is None:
        raise NotApproved
    if approval.payload_hash != payload_hash(payload):
        raise PayloadChanged
    approved = Approval.objects.filter(pk=approval.pk, state=State.APPROVED)
    if approved.update(state=State.USED, used_at=at) != 1:
        raise NotApproved


def ensure_unchanged(*, kind: Kind, subject: Model, payload: Payload) -> None:
    """
    That what is carried out is what somebody allowed, if it needed that at all.

    :raises NotApproved: if it was asked for and not allowed
    :raises PayloadChanged: if it is something else than was approved
    """
    approval = latest(kind=kind, subject_id=subject.pk)
    if approval is None:
        return
    if approval.state != State.USED:
        raise NotApproved
    if approval.payload_hash != payload_hash(payload):
        raise PayloadChanged


def latest(*, kind: Kind, subject_id: int) -> Approval | None:
    """The last request about a subject, decided or not."""
    asked = Approval.objects.filter(kind=kind.name, subject_id=str(subject_id))
    return asked.select_related("requested_by", "decided_by").order_by("-pk").first()


def latest_of(*, kind: Kind, subject_ids: Iterable[int]) -> dict[int, Approval]:
    """The last request about each of these subjects, of those about which there was one."""
    asked = Approval.objects.filter(kind=kind.name, subject_id__in=[str(it) for it in subject_ids])
    rows = asked.select_related("requested_by", "decided_by").order_by("pk")
    return {int(approval.subject_id): approval for approval in rows}


def _waiting(kind: Kind, subject: Model) -> QuerySet[Approval]:
    return Approval.objects.select_for_update().filter(open_key=f"{kind.name}:{subject.pk}")


def _open(kind: Kind, subject: Model) -> Approval:
    approval = _waiting(kind, subject).first()
    if approval is None:
        raise NothingToDecide
    return approval


def _decide(approval: Approval, state: Approval.State, *, by: User | None, at: datetime) -> None:
    approval.state, approval.decided_by, approval.decided_at, approval.open_key = state, by, at, None
    approval.save()


def _holds(person: User, permission: str) -> bool:
    """As the database has it now, whatever the request remembers."""
    return User.objects.get(pk=person.pk).has_perm(permission)


def _facts(approval: Approval) -> dict[str, object]:
    return {
        "kind": approval.kind,
        "requested_by": str(approval.requested_by or ""),
        "payload_hash": approval.payload_hash,
    }
