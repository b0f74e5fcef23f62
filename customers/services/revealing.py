"""Shows one sealed field to one person, who is named in the audit log for it."""

from __future__ import annotations

from collections.abc import Sequence
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
PRINT_ACTION = "customers.reveal_printed"
PRINTED_PER_DAY = 1_000  # a day's parcels of a busy packing table, and no customer list
FIELDS = ("phone", "recipient_phone", "detail")


class MayNotReveal(DomainError):
    text = _("Your role may not see full phone numbers and addresses. Ask a manager.")


class RevealQuotaUsed(DomainError):
    text = _("You have looked at %(count)s phone numbers or addresses today, which is the most for one day.")


class NothingToReveal(DomainError):
    text = _("There is nothing hidden here.")


class PrintQuotaUsed(DomainError):
    text = _("You printed %(count)s addresses today; with these it would be more than the %(most)s of one day.")


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


@transaction.atomic
def reveal_printed(*, rows: Sequence[SealedRow], by: User, at: datetime) -> None:
    """
    Log that the addresses of these rows go on paper whole; the caller prints them afterwards.

    :raises MayNotReveal: if the person lacks the right
    :raises PrintQuotaUsed: if it would be too many for one day
    """
    if not by.has_perm(PERMISSION):
        raise MayNotReveal
    printed = _looks_today(by, PRINT_ACTION, at=at)
    if printed + len(rows) > PRINTED_PER_DAY:
        raise PrintQuotaUsed(count=printed, most=PRINTED_PER_DAY)
    fields = [field for field in FIELDS if field != "phone"]
    acts = [audit.Act(action=PRINT_ACTION, subject=row, after={"fields": fields}) for row in rows]
    audit.record_many(acts, by=by, at=at)


def _looks_today(by: User, action: str, *, at: datetime) -> int:
    start, end = day_bounds(business_day(at))
    return AuditEntry.objects.filter(by=by, action=action, at__gte=start, at__lt=end).count()


def _check_quota(by: User, *, at: datetime) -> None:
    today = _looks_today(by, ACTION, at=at)
    if today >= PER_DAY:
        raise RevealQuotaUsed(count=today)
