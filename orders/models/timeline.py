from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .order import Order


class OrderEvent(models.Model):
    """One entry of an order's gapless, append-only history: what happened, and the move of state it caused, if any."""

    class Kind(models.TextChoices):
        SYSTEM = "system", _("System")
        PAYMENT = "payment", _("Payment")
        STAFF = "staff", _("Staff")
        SHIPPING = "shipping", _("Shipping")
        MESSAGE = "message", _("Message")

    order = models.ForeignKey(Order, models.CASCADE, related_name="events", verbose_name=_("order"))
    seq = models.PositiveIntegerField(_("number"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    code = models.CharField(_("what"), max_length=40)  # order_created, state_moved, payment_recorded, note, …
    facts = models.JSONField(_("facts"), default=dict)  # what the sentence on the timeline is filled from
    trigger = models.CharField(_("trigger"), max_length=24, blank=True)
    transition = models.CharField(_("transition"), max_length=40, blank=True)
    from_state = models.CharField(_("from"), max_length=40, blank=True)
    to_state = models.CharField(_("to"), max_length=40, blank=True)
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("by"))
    trace_id = models.CharField(_("trace id"), max_length=32, blank=True)

    class Meta:
        verbose_name = _("order event")
        verbose_name_plural = _("order events")
        constraints = (models.UniqueConstraint(fields=("order", "seq"), name="order_event_seq"),)

    def __str__(self) -> str:
        return f"{self.code} #{self.seq}"
