"""
Messages about trades of nobody here come to an end: set aside after some days, or by somebody who knows whose they are.

They stay in the log. Told again or replayed, each is tried once more, and set aside again if still nobody knows it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from kernel import alerts, audit
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.models import User

from ..models import Notification, Payment, Refund, UnappliedMoney
from .troubles import PARKED_ALERT
from .verdicts import Result

State = Notification.State
REASON_LENGTH = Notification._meta.get_field("set_aside_reason").max_length or 0


class NotParked(DomainError):
    text = _("This message does not wait any more: it was applied or set aside. Load the page again.")


class TradeIsOurs(DomainError):
    text = _("Payment %(payment_no)s is ours, so this message waits until it can be applied.")


class WhyNotOurs(DomainError):
    text = _("Write whose it is, or how you know that it is not ours.")


@retry_on_conflict
@transaction.atomic
def set_aside(*, notification_id: int, reason: str, by: User, at: datetime) -> Notification:
    """
    End the asking about a parked message that somebody knows to be another system's.

    :raises WhyNotOurs: if nobody says why
    :raises NotParked: if it does not wait
    :raises TradeIsOurs: if it is about a payment, a refund or money of ours
    """
    if not reason.strip():
        raise WhyNotOurs
    row = Notification.objects.select_for_update().defer("body", "headers").get(pk=notification_id)
    if row.state != State.PARKED:
        raise NotParked
    if is_ours(row):
        raise TradeIsOurs(payment_no=row.payment_no or row.facts.get("gateway_trade_no", ""))
    row.set_aside_by, row.set_aside_reason = by, reason.strip()[:REASON_LENGTH]
    _end(row, error=row.last_error, at=at)
    audit.record(
        action="payments.set_aside_notification",
        subject=row,
        by=by,
        at=at,
        before={"state": State.PARKED},
        after={"state": State.SET_ASIDE},
        reason=row.set_aside_reason,
    )
    return row


@transaction.atomic
def give_up(row: Notification, *, error: str, at: datetime) -> bool:
    """
    Set a message aside that a worker has just failed to place, if its time is over or it was set aside before.

    :param error: why it could not be placed: nobody here knows its trade
    :return: whether it is; otherwise it is to be parked
    """
    was_aside = row.set_aside_at is not None
    if not was_aside and at - row.received_at < timedelta(days=settings.PARKED_DAYS):
        return False
    return not is_ours(row) and _end(row, error=error, at=at)


def is_ours(row: Notification) -> bool:
    """Whether a message is about a payment, a refund or unapplied money that its account knows."""
    trade_no, refund_no = row.facts.get("gateway_trade_no", ""), row.facts.get("refund_no", "")
    own = Payment.objects.filter(account_id=row.account_id)
    if row.payment_no and own.filter(payment_no=row.payment_no).exists():
        return True
    if refund_no and Refund.objects.filter(refund_no=refund_no, way=Refund.Way.GATEWAY).exists():
        return True
    kept = UnappliedMoney.objects.filter(account_id=row.account_id, gateway_trade_no=trade_no)
    return bool(trade_no) and (own.filter(gateway_trade_no=trade_no).exists() or kept.exists())


def _end(row: Notification, *, error: str, at: datetime) -> bool:
    """The attempt number fences a worker that has it in hand; whether nobody else was faster."""
    mine = Notification.objects.filter(pk=row.pk, attempt=row.attempt)
    result = Result.NOT_OURS if row.set_aside_reason else Result.GIVEN_UP
    is_ended = mine.update(
        state=State.SET_ASIDE,
        attempt=F("attempt") + 1,
        set_aside_at=at,
        set_aside_by=row.set_aside_by_id,
        set_aside_reason=row.set_aside_reason,
        verdicts={**row.verdicts, "result": result},
        last_error=error[:2000],
    )
    others = Notification.objects.filter(event_key=row.event_key, state__in=(State.PARKED, State.RECEIVED))
    if is_ended and not others.exclude(pk=row.pk).exists():  # two accounts may share a key
        alerts.resolve(kind=PARKED_ALERT, subject=row.event_key, by=row.set_aside_by, at=at)
    return bool(is_ended)
