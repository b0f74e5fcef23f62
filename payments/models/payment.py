from __future__ import annotations

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, F, Q
from django.utils.translation import gettext_lazy as _

from orders.models import Order

from .account import GatewayAccount


class PaymentQuerySet(models.QuerySet["Payment"]):
    def open(self) -> Self:
        return self.filter(status__in=Payment.OPEN)

    def overdue(self, *, at: datetime) -> Self:
        return self.open().filter(expires_at__lte=at)

    def query_due(self, *, at: datetime) -> Self:
        return self.filter(query_due_at__lte=at)


class Payment(models.Model):
    """One attempt to collect money for an order. Whole fen, because every database adds integers exactly."""

    class Status(models.TextChoices):
        CREATED = "created", _("Created")
        PENDING = "pending", _("Awaiting customer")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")
        CANCELED = "canceled", _("Closed")
        EXPIRED = "expired", _("Expired")
        UNKNOWN = "unknown", _("Outcome unknown")  # a query settles it, never a guess

    OPEN = (Status.CREATED, Status.PENDING, Status.UNKNOWN)

    payment_no = models.CharField(_("payment number"), max_length=32, unique=True)
    order = models.ForeignKey(Order, models.PROTECT, related_name="+", verbose_name=_("order"))
    account = models.ForeignKey(GatewayAccount, models.PROTECT, related_name="payments", verbose_name=_("account"))
    method = models.CharField(_("method"), max_length=8)  # qr, page, wap, h5, jsapi
    payer_hash = models.CharField(_("payer"), max_length=32, blank=True)  # whom alone the gateway lets pay this one
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.CREATED)
    amount_fen = models.BigIntegerField(_("amount"))
    refunded_fen = models.BigIntegerField(_("refunded"), default=0)
    refunding_fen = models.BigIntegerField(_("refunds in flight"), default=0)
    gateway_trade_no = models.CharField(_("gateway transaction id"), max_length=64, blank=True, db_index=True)
    next_action = models.JSONField(_("what the customer does next"), default=dict)  # {"kind": "qr", "data": {…}}
    created_at = models.DateTimeField(_("created at"), db_index=True)
    expires_at = models.DateTimeField(_("expires at"), db_index=True)
    paid_at = models.DateTimeField(_("paid at"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, db_index=True)  # failed, closed or expired; unpaid
    query_due_at = models.DateTimeField(_("next query"), null=True, db_index=True)
    queries = models.PositiveIntegerField(_("queries"), default=0)  # also fences whoever asks
    closing = models.BooleanField(_("to be closed"), default=False)  # asked for; the gateway has the say
    closing_reason = models.CharField(_("order closes because"), max_length=24, blank=True)  # empty: only this attempt
    closing_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("closing asked for by")
    )
    # The gateway knew of nothing to close: a code that was never scanned. It is not offered again, but may be paid.
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True)
    last_message = models.CharField(_("the gateway's words"), max_length=300, blank=True)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = (
            CheckConstraint(name="payment_amount", condition=Q(amount_fen__gt=0)),
            CheckConstraint(name="payment_signs", condition=Q(refunded_fen__gte=0, refunding_fen__gte=0)),
            CheckConstraint(
                name="payment_not_overrefunded",
                condition=Q(amount_fen__gte=F("refunded_fen") + F("refunding_fen")),
            ),
        )
        indexes = (models.Index(fields=("order", "-id"), name="payment_order"),)

    def __str__(self) -> str:
        return self.payment_no

    @property
    def over_at(self) -> datetime | None:
        """When it came to its end, with money or without; None while it is open."""
        return self.paid_at or self.ended_at

    @property
    def refundable_fen(self) -> int:
        left_fen = self.amount_fen - self.refunded_fen - self.refunding_fen
        return left_fen if self.status == self.Status.SUCCEEDED else 0
