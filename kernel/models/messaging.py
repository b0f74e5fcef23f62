from __future__ import annotations

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from kernel.secrets import SealedRow, sealed_text


class MessageQuerySet(models.QuerySet["Message"]):
    def due(self, *, at: datetime) -> Self:
        return self.filter(state=Message.State.QUEUED, due_at__lte=at)


class Message(SealedRow):
    """An e-mail or SMS to somebody outside, written with the act that causes it and sent afterwards."""

    class Channel(models.TextChoices):
        EMAIL = "email", _("E-mail")
        SMS = "sms", _("SMS")

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")

    effect_key = models.CharField(_("effect key"), max_length=120, unique=True)
    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    template = models.CharField(_("template"), max_length=64)
    language = models.CharField(_("language"), max_length=10, default="zh-hans")
    recipient_sealed = models.TextField(_("recipient"))
    context_sealed = models.TextField(_("contents"), blank=True)  # JSON; may hold a pay link
    subject_type = models.CharField(_("kind of object"), max_length=64, blank=True)
    subject_id = models.CharField(_("object id"), max_length=40, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.QUEUED)
    attempt = models.PositiveIntegerField(_("attempts"), default=0)
    due_at = models.DateTimeField(_("due at"))
    sent_at = models.DateTimeField(_("sent at"), null=True)
    created_at = models.DateTimeField(_("created at"))
    last_error = models.CharField(_("last error"), max_length=500, blank=True)

    recipient = sealed_text("recipient_sealed")
    context_json = sealed_text("context_sealed")

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        indexes = (
            models.Index(fields=("state", "due_at"), name="message_due"),
            models.Index(fields=("subject_type", "subject_id"), name="message_subject"),
        )

    def __str__(self) -> str:
        return f"#{self.pk}"


class Alert(models.Model):
    """Something staff should look at; at most one is open for a kind and subject."""

    class Severity(models.TextChoices):
        INFO = "info", _("Notice")
        WARNING = "warning", _("Warning")
        CRITICAL = "critical", _("Critical")

    kind = models.CharField(_("kind"), max_length=64)
    subject = models.CharField(_("subject"), max_length=120)
    severity = models.CharField(_("severity"), max_length=8, choices=Severity)
    text = models.CharField(_("what happened"), max_length=500)
    evidence = models.JSONField(_("evidence"), default=dict)
    # The open alert of a kind and subject holds this key; a resolved one gives it back.
    open_key = models.CharField(_("open key"), max_length=190, null=True, unique=True)  # noqa: DJ001
    times = models.PositiveIntegerField(_("times seen"), default=1)
    opened_at = models.DateTimeField(_("opened at"), db_index=True)
    last_seen_at = models.DateTimeField(_("last seen at"))
    acknowledged_at = models.DateTimeField(_("acknowledged at"), null=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("acknowledged by")
    )
    resolved_at = models.DateTimeField(_("resolved at"), null=True)

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")

    def __str__(self) -> str:
        return self.text
