"""Shows one sealed field to one person, who is named in the audit log for it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.clock import business_day, day_bounds
from kernel.errors import DomainError
from kernel.models import AuditEntry, User
from kernel.secrets import SealedRow

ACTION = "customers.reveal"
PERMISSION = "customers.reveal_customer"
PER_DAY = 50
FIELDS = ("phone", "recipient_phone", "detail")


class MayNotReveal(DomainError):
    text = _("Your role may not see full phone numbers and addresses. Ask a manager.")


class RevealQuotaUsed(DomainError):
    text = _("You have looked at %(count)s phone numbers or addresses today, which is the most for one day.")


class NothingToReveal(DomainError):
    text = _("There is nothing hidden here.")


@transaction.atomic
def reveal(*, row: SealedRow, field: str, by: User, at: datetime) -> str:
    """
    The clear text of a masked field; each look is logged and counts towards the person's day.

    :param field: one of FIELDS that the row has
    :raises MayNotReveal: if the person lacks the right
    :raises RevealQuotaUsed: if the person has looked too often today
    :raises NothingToReveal: if the row has no such field, or it is empty
    """
    if not by.has_perm(PERMISSION):
        raise MayNotReveal
    if field not in FIELDS or not getattr(row, field, ""):
        raise NothingToReveal
    _check_quota(by, at=at)
    audit.record(action=ACTION, subject=row, by=by, at=at, after={"field": field})
    text: str = getattr(row, field)
    return text


def _check_quota(by: User, *, at: datetime) -> None:
    start, end = day_bounds(business_day(at))
    today = AuditEntry.objects.filter(by=by, action=ACTION, at__gte=start, at__lt=end).count()
    if today >= PER_DAY:
        raise RevealQuotaUsed(count=today)
