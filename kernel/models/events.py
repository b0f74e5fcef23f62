from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _


class OutboxEvent(models.Model):
    """A fact, written in the transaction that made it true."""

    name = models.CharField(_("name"), max_length=80)  # app.EventClass
    payload = models.JSONField(_("payload"))
    depth = models.PositiveSmallIntegerField(_("depth"), default=0)  # of the chain of events behind it
    trace_id = models.CharField(_("trace id"), max_length=32, blank=True)
    created_at = models.DateTimeField(_("created at"), db_index=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def __str__(self) -> str:
        return f"{self.name} #{self.pk}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self, *, at: datetime) -> Self:
        return self.filter(state=Delivery.State.QUEUED, due_at__lte=at)

    def parked(self) -> Self:
        return self.filter(state=Delivery.State.PARKED)


class Delivery(models.Model):
    """One event for one handler: done once, tried again with growing pauses, parked with its error at last."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        DONE = "done", _("Done")
        PARKED = "parked", _("Parked")

    event = models.ForeignKey(OutboxEvent, models.CASCADE, related_name="deliveries", verbose_name=_("event"))
    handler = models.CharField(_("handler"), max_length=120)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.QUEUED)
    attempt = models.PositiveIntegerField(_("attempts"), default=0)
    due_at = models.DateTimeField(_("due at"))
    done_at = models.DateTimeField(_("done at"), null=True)
    last_error = models.TextField(_("last error"), blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("event delivery")
        verbose_name_plural = _("event deliveries")
        constraints = (models.UniqueConstraint(fields=("event", "handler"), name="delivery_once"),)
        indexes = (models.Index(fields=("state", "due_at"), name="delivery_due"),)

    def __str__(self) -> str:
        return f"{self.handler} #{self.pk}"
