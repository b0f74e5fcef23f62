"""Something staff should look at: one open alert for a kind and subject, told by e-mail when it opens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from . import audit, letters
from .models import Alert, Message, User
from .secrets import fingerprint
from .shop import shop

OWNERS = "owner"  # the role
TEMPLATE = "alert"
letters.name_letters(alert=_("Alert"))
TEXT_LENGTH = Alert._meta.get_field("text").max_length or 0
SUBJECT_LENGTH = Alert._meta.get_field("subject").max_length or 0


@transaction.atomic
def raise_alert(
    *, kind: str, subject: str, severity: str, text: str | Promise, evidence: dict[str, Any] | None = None, at: datetime
) -> Alert:
    """
    Open an alert, or count one more time for the one that is open. Whoever opens it has it told by e-mail.

    :param subject: what it is about, in a few words without personal data; an order number, a timer's name
    :param evidence: what helps to judge it; JSON, no secrets
    """
    subject = subject[:SUBJECT_LENGTH]
    with translation.override(settings.LANGUAGE_CODE):
        said = {"text": str(text)[:TEXT_LENGTH], "severity": severity, "evidence": evidence or {}}
    facts = {"kind": kind, "subject": subject, "opened_at": at, "last_seen_at": at, **said}
    alert, is_new = Alert.objects.get_or_create(open_key=_open_key(kind, subject), defaults=facts)
    if is_new:
        _tell(alert, at=at)
    else:
        Alert.objects.filter(pk=alert.pk).update(times=F("times") + 1, last_seen_at=at, **said)
    return alert


@transaction.atomic
def acknowledge(*, alert_id: int, by: User, at: datetime) -> bool:
    """Note that a person looks after an alert; the first one stays. It stays open until it is resolved."""
    free = Alert.objects.filter(pk=alert_id, acknowledged_at=None)
    if free.update(acknowledged_at=at, acknowledged_by=by) != 1:
        return False
    audit.record(action="alerts.acknowledge", subject=Alert.objects.get(pk=alert_id), by=by, at=at)
    return True


@transaction.atomic
def resolve(*, kind: str, subject: str, at: datetime, by: User | None = None) -> bool:
    """Close the open alert of a kind and subject, if there is one; the next time opens a new one."""
    alert = Alert.objects.filter(open_key=_open_key(kind, subject[:SUBJECT_LENGTH])).first()
    if alert is None or not Alert.objects.filter(pk=alert.pk, resolved_at=None).update(resolved_at=at, open_key=None):
        return False
    if by is not None:
        audit.record(action="alerts.resolve", subject=alert, by=by, at=at)
    return True


def _open_key(kind: str, subject: str) -> str:
    return f"{kind}:{subject}"


def _tell(alert: Alert, *, at: datetime) -> None:
    if alert.severity == Alert.Severity.INFO:
        return
    facts = {"text": alert.text, "kind": alert.kind, "subject": alert.subject, "severity": alert.severity}
    for address in _addresses():
        letters.write(
            template=TEMPLATE,
            channel=Message.Channel.EMAIL,
            recipient=address,
            context=facts,
            effect_key=f"alert:{alert.pk}:{fingerprint(address)}",
            subject=alert,
            at=at,
        )


def _addresses() -> list[str]:
    """Where alerts go: the address in the shop settings, or else the owners'."""
    if address := shop().alert_email:
        return [address]
    owners = User.objects.filter(Q(groups__name=OWNERS) | Q(is_superuser=True), is_active=True).exclude(email="")
    return sorted(set(owners.values_list("email", flat=True)))
