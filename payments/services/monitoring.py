"""How paying goes just now, account by account; and the alert when far fewer customers succeed than usual."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.db.models import Count, Max, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from kernel import alerts
from kernel.models import Alert

from ..gateways import EventKind
from ..models import GatewayAccount, Notification, NotificationRefusal, Payment
from .words import shop_language

MINUTES, HOUR, DAY, WEEK = timedelta(minutes=5), timedelta(hours=1), timedelta(days=1), timedelta(days=7)
ENDED = (
    Payment.Status.SUCCEEDED,
    Payment.Status.FAILED,
    Payment.Status.EXPIRED,
)  # closing is no failure
SAMPLE = 500  # the newest of an account's payments and notifications tell how long they take
REASONS = 3
KIND = "payments.success_rate"

ENOUGH_ENDED = 15  # of an hour: fewer prove nothing
ENOUGH_BEFORE = 50  # of the week before the hour
LEAST_SHARE = 0.75  # of the usual rate
USUAL_RATE = 0.6  # where there is no week to compare with


@dataclass(frozen=True, slots=True)
class Rate:
    """Of the attempts begun within a time that have come to an end, how many were paid."""

    paid: int
    ended: int

    @property
    def share(self) -> float | None:
        return self.paid / self.ended if self.ended else None


@dataclass(frozen=True, slots=True)
class Lengths:
    """Seconds: half of all took less than the first, nineteen in twenty less than the second."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """
    An account at this moment.

    :param open: attempts of the last day that wait for their customer, or for the gateway's word
    :param takes: from the start of an attempt to its payment, in the last day
    :param delay: from a payment to the gateway's notification of it, in the last day
    :param refused: messages of the last day that were not the gateway's
    :param reasons: the gateway's words for failed attempts of the last day, and how often each
    :param alarm: far fewer succeed in this hour than usual
    """

    account: GatewayAccount
    last_minutes: Rate
    last_hour: Rate
    last_day: Rate
    open: int
    takes: Lengths | None
    notified_at: datetime | None
    delay: Lengths | None
    refused: int
    reasons: tuple[tuple[str, int], ...]
    alarm: bool


def pulses(*, at: datetime) -> list[Pulse]:
    """Of every account that is enabled, or had attempts within the last day."""
    rates = _rates(at=at)
    accounts = GatewayAccount.objects.filter(Q(is_enabled=True) | Q(pk__in=rates)).order_by("position", "pk")
    takes, told, delays = _takes(at=at), _last_told(at=at), _delays(at=at)
    refused, reasons = _refused(at=at), _reasons(at=at)
    troubled = set(Alert.objects.filter(kind=KIND, resolved_at=None).values_list("subject", flat=True))
    counted = defaultdict[int, Mapping[str, int]](lambda: defaultdict(int), rates)
    return [
        Pulse(
            account=account,
            last_minutes=_rate(counted[account.pk], "minutes"),
            last_hour=_rate(counted[account.pk], "hour"),
            last_day=_rate(counted[account.pk], "day"),
            open=counted[account.pk]["open"],
            takes=lengths(takes.get(account.pk, [])),
            notified_at=told.get(account.pk),
            delay=lengths(delays.get(account.pk, [])),
            refused=refused.get(account.pk, 0),
            reasons=tuple(reasons.get(account.pk, [])[:REASONS]),
            alarm=account.code in troubled,
        )
        for account in accounts
    ]


def watch_success(*, at: datetime) -> int:
    """
    Raise an alert for each account where far fewer customers succeed than usual, and resolve it once they do again.

    :return: how many accounts are in trouble
    """
    lately, before = _counted(since=at - HOUR, until=at), _counted(since=at - WEEK, until=at - HOUR)
    troubled = 0
    for account in GatewayAccount.objects.filter(Q(is_enabled=True) | Q(pk__in=lately)):
        now_, usual = lately.get(account.pk, Rate(0, 0)), before.get(account.pk, Rate(0, 0))
        if is_low(lately=now_, usual=usual):
            troubled += 1
            _tell(account, lately=now_, usual=usual, at=at)
        elif now_.ended >= ENOUGH_ENDED or now_.ended == now_.paid:  # too few failures prove no recovery
            alerts.resolve(kind=KIND, subject=account.code, at=at)
    return troubled


def is_low(*, lately: Rate, usual: Rate) -> bool:
    return lately.ended >= ENOUGH_ENDED and (lately.share or 0) < threshold(usual=usual)


def threshold(*, usual: Rate) -> float:
    """The share of attempts below which an hour is alarming."""
    known = usual.share if usual.ended >= ENOUGH_BEFORE else None
    return LEAST_SHARE * (USUAL_RATE if known is None else known)


def lengths(seconds: list[float]) -> Lengths | None:
    if not seconds:
        return None
    ordered = sorted(seconds)
    return Lengths(p50=median(ordered), p95=ordered[int(0.95 * (len(ordered) - 1))])


def _tell(account: GatewayAccount, *, lately: Rate, usual: Rate, at: datetime) -> None:
    least = threshold(usual=usual)
    with shop_language():
        text = _(
            "Payment account “%(account)s”: of %(ended)d attempts of the last hour only %(share)d%% were paid; "
            "less than %(least)d%% is alarming. Look at the reasons on the live monitor."
        ) % {
            "account": account,
            "ended": lately.ended,
            "share": 100 * (lately.share or 0),
            "least": round(100 * least),
        }
    alerts.raise_alert(
        kind=KIND,
        subject=account.code,
        severity=Alert.Severity.WARNING,
        text=text,
        evidence={
            "paid": lately.paid,
            "ended": lately.ended,
            "paid_in_a_week": usual.paid,
            "ended_in_a_week": usual.ended,
            "threshold_percent": round(100 * least),
        },
        at=at,
    )


# ------------------------------------------------------------------ what the rows say, by account


def _begun(*, since: datetime) -> QuerySet[Payment]:
    return Payment.objects.filter(created_at__gt=since)


def _counted(*, since: datetime, until: datetime) -> dict[int, Rate]:
    rows = _begun(since=since).filter(created_at__lte=until, status__in=ENDED).values("account_id").order_by()
    counted = rows.annotate(ended=Count("pk"), paid=Count("pk", filter=Q(status=Payment.Status.SUCCEEDED)))
    return {row["account_id"]: Rate(row["paid"], row["ended"]) for row in counted}


def _rates(*, at: datetime) -> dict[int, Mapping[str, Any]]:
    ended, paid = Q(status__in=ENDED), Q(status=Payment.Status.SUCCEEDED)
    since = {name: Q(created_at__gt=at - length) for name, length in (("minutes", MINUTES), ("hour", HOUR))}
    rows = _begun(since=at - DAY).values("account_id").order_by()
    counted = rows.annotate(
        open=Count("pk", filter=Q(status__in=Payment.OPEN)),
        paid_day=Count("pk", filter=paid),
        ended_day=Count("pk", filter=ended),
        **{f"paid_{name}": Count("pk", filter=paid & begun) for name, begun in since.items()},
        **{f"ended_{name}": Count("pk", filter=ended & begun) for name, begun in since.items()},
    )
    return {row["account_id"]: dict(row) for row in counted}


def _rate(counted: Mapping[str, int], name: str) -> Rate:
    return Rate(counted[f"paid_{name}"], counted[f"ended_{name}"])


def _takes(*, at: datetime) -> dict[int, list[float]]:
    paid = _begun(since=at - DAY).filter(status=Payment.Status.SUCCEEDED)
    found: defaultdict[int, list[float]] = defaultdict(list)
    for account_id, begun_at, paid_at in paid.order_by("-created_at").values_list(
        "account_id", "created_at", "paid_at"
    )[:SAMPLE]:
        if paid_at is not None:
            found[account_id].append(_seconds(begun_at, paid_at))
    return found


def _last_told(*, at: datetime) -> dict[int, datetime]:
    told = Notification.objects.filter(received_at__gt=at - DAY).values("account_id").order_by()
    return dict(told.annotate(last=Max("last_received_at")).values_list("account_id", "last"))


def _delays(*, at: datetime) -> dict[int, list[float]]:
    told = Notification.objects.filter(received_at__gt=at - DAY, kind=EventKind.PAYMENT).order_by("-received_at")
    rows = list(told.values_list("account_id", "payment_no", "received_at")[:SAMPLE])
    numbers = {number for _account, number, _at in rows}
    paid_at = dict(Payment.objects.filter(payment_no__in=numbers).values_list("payment_no", "paid_at"))
    found: defaultdict[int, list[float]] = defaultdict(list)
    for account_id, number, received_at in rows:
        if (start := paid_at.get(number)) is not None:
            found[account_id].append(_seconds(start, received_at))
    return found


def _refused(*, at: datetime) -> dict[int, int]:
    refused = NotificationRefusal.objects.filter(hour__gt=at - DAY).values("account_id").order_by()
    return dict(refused.annotate(n=Sum("times")).values_list("account_id", "n"))


def _reasons(*, at: datetime) -> dict[int, list[tuple[str, int]]]:
    failed = _begun(since=at - DAY).filter(status=Payment.Status.FAILED)
    counted = failed.values("account_id", "last_message").annotate(n=Count("pk")).order_by("-n", "last_message")
    found: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
    for row in counted:
        found[row["account_id"]].append((row["last_message"], row["n"]))
    return found


def _seconds(start: datetime, end: datetime) -> float:
    """A gateway's clock tells whole seconds, and may be behind ours."""
    return max((end - start).total_seconds(), 0.0)
