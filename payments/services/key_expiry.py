"""Certificates run out: staff hear of it while there is time to renew them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from kernel import alerts
from kernel.clock import local
from kernel.models import Alert

from ..gateways import GATEWAYS
from ..models import Credential
from .credentials import EXPIRY_ALERT, expiry_subject
from .words import shop_language

STEPS = (60, 30, 7, 1)  # days before
DAY = timedelta(days=1)


def warn_of_expiry(*, at: datetime, limit: int) -> int:
    """Tell of each certificate 60, 30, 7 days and one day before it ends, once each. :return: how many were told"""
    untold = Q(warned_days=None) | Q(warned_days__gt=STEPS[-1])
    ending = Credential.objects.filter(untold, retired_at=None, valid_to__lte=at + STEPS[0] * DAY)
    told = 0
    for credential in ending.select_related("account").order_by("valid_to", "pk")[:limit]:
        told += _warn(credential, at=at)
    return told


def step_of(valid_to: datetime, *, at: datetime) -> int | None:
    """The step that a certificate has reached; None while it has time."""
    reached = [days for days in STEPS if valid_to - at <= days * DAY]
    return min(reached) if reached else None


@transaction.atomic
def _warn(credential: Credential, *, at: datetime) -> bool:
    assert credential.valid_to is not None  # noqa: S101 - asked for above
    step = step_of(credential.valid_to, at=at)
    if step is None or (credential.warned_days is not None and credential.warned_days <= step):
        return False
    untold = Credential.objects.filter(pk=credential.pk, warned_days=credential.warned_days, retired_at=None)
    if not untold.update(warned_days=step):
        return False
    if _has_heir(credential):
        return False
    subject = expiry_subject(credential)
    alerts.resolve(kind=EXPIRY_ALERT, subject=subject, at=at)  # the next step is told by e-mail again
    alerts.raise_alert(
        kind=EXPIRY_ALERT,
        subject=subject,
        severity=Alert.Severity.CRITICAL if step == STEPS[-1] else Alert.Severity.WARNING,
        text=_words(credential, at=at),
        evidence={"kind": credential.kind, "serial": credential.serial, "days": step},
        at=at,
    )
    return True


def _has_heir(credential: Credential) -> bool:
    """A renewed certificate stands beside it already."""
    alike = Credential.objects.filter(account_id=credential.account_id, kind=credential.kind, retired_at=None)
    return alike.filter(pk__gt=credential.pk, valid_to__gt=credential.valid_to).exists()


def _words(credential: Credential, *, at: datetime) -> str:
    assert credential.valid_to is not None  # noqa: S101 - asked for above
    facts = {
        "account": credential.account,
        "label": label_of(credential),
        "tail": credential.tail,
        "day": f"{local(credential.valid_to):%Y-%m-%d}",
    }
    with shop_language():
        if credential.valid_to <= at:
            return _("%(account)s: “%(label)s” (…%(tail)s) ran out on %(day)s. Set the renewed one now.") % facts
        return (
            _("%(account)s: “%(label)s” (…%(tail)s) ends on %(day)s. Renew it at the gateway, and set the new one.")
            % facts
        )


def label_of(credential: Credential) -> str:
    """What its gateway calls it."""
    gateway = GATEWAYS.get(credential.account.gateway)
    labels = {it.code: it.label for it in gateway.CREDENTIAL_FIELDS} if gateway else {}
    return str(labels.get(credential.kind, credential.kind))
