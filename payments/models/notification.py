from __future__ import annotations

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .account import GatewayAccount


class NotificationQuerySet(models.QuerySet["Notification"]):
    def due(self, *, at: datetime) -> Self:
        return self.filter(state=Notification.State.RECEIVED, due_at__lte=at)


class Notification(models.Model):
    """The inbox: one row per fact a gateway told an account, committed before the gateway hears `success`."""

    class State(models.TextChoices):
        RECEIVED = "received", _("Received")
        APPLIED = "applied", _("Applied")
        DUPLICATE = "duplicate", _("Told before")
        PARKED = "parked", _("Parked")
        SET_ASIDE = "set_aside", _("Set aside")  # nobody here knows its trade; told again, it is tried again

    account = models.ForeignKey(GatewayAccount, models.PROTECT, related_name="+", verbose_name=_("account"))
    event_key = models.CharField(_("event key"), max_length=190)  # from business facts, the same on every resend
    kind = models.CharField(_("kind"), max_length=12)  # of the gateway event
    payment_no = models.CharField(_("payment number"), max_length=64, blank=True, db_index=True)
    facts = models.JSONField(_("facts"))  # the gateway event in our words
    verdicts = models.JSONField(_("verdicts"), default=dict)  # check -> verdict
    headers = models.JSONField(_("headers"), default=dict)
    body = models.BinaryField(_("raw body"))
    key_serial = models.CharField(_("key serial"), max_length=64, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.RECEIVED)
    copies = models.PositiveIntegerField(_("times received"), default=1)
    received_at = models.DateTimeField(_("received at"), db_index=True)
    last_received_at = models.DateTimeField(_("last received at"))
    applied_at = models.DateTimeField(_("applied at"), null=True)
    due_at = models.DateTimeField(_("due at"))
    attempt = models.PositiveIntegerField(_("attempts"), default=0)
    last_error = models.TextField(_("last error"), blank=True)
    set_aside_at = models.DateTimeField(_("set aside at"), null=True)
    set_aside_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("set aside by")
    )
    set_aside_reason = models.CharField(_("set aside because"), max_length=300, blank=True)  # a person's word

    objects = NotificationQuerySet.as_manager()

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notification log")
        constraints = (models.UniqueConstraint(fields=("account", "event_key"), name="notification_once"),)
        indexes = (models.Index(fields=("state", "due_at"), name="notification_due"),)

    def __str__(self) -> str:
        return self.payment_no or f"#{self.pk}"


class NotificationRefusal(models.Model):
    """Refused messages, counted by account, reason and hour, with the first one of each kept as a sample."""

    account = models.ForeignKey(GatewayAccount, models.CASCADE, related_name="+", verbose_name=_("account"))
    reason = models.CharField(_("reason"), max_length=24)  # one of services.verdicts.Refusal
    hour = models.DateTimeField(_("hour"))
    times = models.PositiveIntegerField(_("times"), default=1)
    sample_headers = models.JSONField(_("sample headers"), default=dict)
    sample_body = models.BinaryField(_("sample body"), max_length=8192)
    sample_address = models.GenericIPAddressField(_("network address"), null=True)
    last_at = models.DateTimeField(_("last at"))

    class Meta:
        verbose_name = _("refused notification")
        verbose_name_plural = _("refused notifications")
        constraints = (models.UniqueConstraint(fields=("account", "reason", "hour"), name="refusal_once"),)

    def __str__(self) -> str:
        return f"{self.reason} ×{self.times}"
