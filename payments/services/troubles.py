"""Alerts about gateways: worded once, raised from wherever the trouble shows."""

from __future__ import annotations

from datetime import date, datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel import alerts
from kernel.errors import DomainError
from kernel.models import Alert
from kernel.money import yuan

from ..gateways import ConfigError
from ..models import GatewayAccount
from .words import shop_language

Severity = Alert.Severity
NO_STATEMENT_ALERT = "payments.no_statement"
HIDDEN_ALERT = "payments.account_hidden"
PARKED_ALERT = "payments.parked_notification"
REFUND_ALERT = "payments.refund"
SILENCE_ALERT = "payments.unknown_outcome"
REFUSALS = {
    "forged": gettext_lazy("the gateway did not sign them"),
    "stale": gettext_lazy("they were signed long ago or in the future; compare the clock of this server"),
    "other_account": gettext_lazy("they are another merchant's"),
    "unknown_key": gettext_lazy("they are signed with a key that we do not hold"),
    "unreadable": gettext_lazy("they are genuine but make no sense"),
}


def tell_config_error(*, account: GatewayAccount, error: ConfigError, at: datetime) -> None:
    """An account that cannot be used takes no money until somebody mends it."""
    with shop_language():
        text = _("Payment account “%(account)s” does not work: %(error)s") % {"account": account, "error": error}
    alerts.raise_alert(
        kind="payments.account",
        subject=account.code,
        severity=Severity.CRITICAL,
        text=text[:500],
        evidence={"field": error.field},
        at=at,
    )


def tell_hidden(*, account: GatewayAccount, fault: str, at: datetime) -> None:
    """Customers do not see what would fail; so staff hear of it from here."""
    with shop_language():
        text = _("Customers are not offered payment account “%(account)s” until it is mended: %(fault)s")
        text %= {"account": account, "fault": fault}
    alerts.raise_alert(
        kind=HIDDEN_ALERT,
        subject=account.code,
        severity=Severity.CRITICAL,
        text=text[:500],
        at=at,
    )


def tell_useless_key(*, account: GatewayAccount, error: DomainError, at: datetime) -> None:
    """The gateway gave a key that this account cannot take; what it signs with it cannot be checked."""
    with shop_language():
        text = _("Payment account “%(account)s”: the gateway's new key cannot be kept: %(error)s")
        text %= {"account": account, "error": error}
    alerts.raise_alert(
        kind="payments.useless_key",
        subject=account.code,
        severity=Severity.WARNING,
        text=text[:500],
        evidence={"error": type(error).__name__},
        at=at,
    )


def tell_refused_messages(*, account: GatewayAccount, reason: str, times: int, at: datetime) -> None:
    """Somebody sends this account what its gateway did not write, or our keys for it are wrong."""
    with shop_language():
        text = _("%(times)d messages to payment account “%(account)s” were refused within an hour: %(reason)s.")
        text %= {"times": times, "account": account, "reason": REFUSALS[reason]}
    alerts.raise_alert(
        kind="payments.refused_messages",
        subject=f"{account.code}:{reason}",
        severity=Severity.WARNING,
        text=text,
        evidence={"times": times, "reason": reason},
        at=at,
    )


def tell_no_statement(*, account: GatewayAccount, day: date, words: str, at: datetime) -> None:
    """A day that nobody compares: what its gateway moved may be in no books."""
    with shop_language():
        text = _("The statement of %(day)s of payment account “%(account)s” is missing: %(words)s Upload it.")
        text %= {"day": day, "account": account, "words": words}
    alerts.raise_alert(
        kind=NO_STATEMENT_ALERT,
        subject=f"{account.code} {day}",
        severity=Severity.WARNING,
        text=text[:500],
        evidence={"day": str(day)},
        at=at,
    )


def tell_parked(*, event_key: str, error: str, at: datetime) -> None:
    with shop_language():
        text = _("A notification has waited for a day and still cannot be applied: %(error)s") % {"error": error}
    alerts.raise_alert(
        kind=PARKED_ALERT,
        subject=event_key[:120],
        severity=Severity.WARNING,
        text=text[:500],
        evidence={"event_key": event_key},
        at=at,
    )


def tell_refund(*, refund_no: str, text: str, severity: Alert.Severity = Severity.WARNING, at: datetime) -> None:
    alerts.raise_alert(
        kind=REFUND_ALERT,
        subject=refund_no,
        severity=severity,
        text=text[:500],
        evidence={"refund_no": refund_no},
        at=at,
    )


def tell_unapproved(*, refund_no: str, words: str, at: datetime) -> None:
    """Somebody changed a refund behind the back of whoever approved it."""
    with shop_language():
        text = _("Refund %(refund_no)s was not sent: it is not what was approved. %(words)s")
        text %= {"refund_no": refund_no, "words": words}
    tell_refund(refund_no=refund_no, text=text, severity=Severity.CRITICAL, at=at)


def tell_refund_silence(*, refund_no: str, at: datetime) -> None:
    with shop_language():
        text = _("Nobody knows what became of refund %(refund_no)s: the gateway gives no clear answer.")
        text %= {"refund_no": refund_no}
    tell_refund(refund_no=refund_no, text=text, at=at)


def tell_other_sum(*, trade_no: str, booked_fen: int, told_fen: int, at: datetime) -> None:
    """A gateway contradicts itself; what is booked first stays, until a person has looked."""
    with shop_language():
        text = _("The gateway told of trade %(trade_no)s with %(booked)s, and now with %(told)s. Compare its console.")
        text %= {"trade_no": trade_no, "booked": yuan(booked_fen), "told": yuan(told_fen)}
    alerts.raise_alert(
        kind="payments.other_sum",
        subject=trade_no,
        severity=Severity.CRITICAL,
        text=text,
        evidence={"trade_no": trade_no, "booked_fen": booked_fen, "told_fen": told_fen},
        at=at,
    )


def tell_silence(*, payment_no: str, at: datetime) -> None:
    with shop_language():
        text = _("Nobody knows what became of payment %(payment_no)s: the gateway gives no clear answer.")
        text %= {"payment_no": payment_no}
    alerts.raise_alert(
        kind=SILENCE_ALERT,
        subject=payment_no,
        severity=Severity.WARNING,
        text=text,
        evidence={"payment_no": payment_no},
        at=at,
    )
