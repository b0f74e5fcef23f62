from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from orders.models import Order, OrderLine

from .payment import Payment
from .unapplied import UnappliedMoney


class Refund(models.Model):
    """Money on its way back. Its number is fixed and committed before the gateway hears of it, and never changes."""

    class Status(models.TextChoices):
        PENDING_APPROVAL = "pending_approval", _("Awaiting approval")
        REJECTED = "rejected", _("Rejected")
        PENDING = "pending", _("To be sent")
        PROCESSING = "processing", _("Being refunded")
        SUCCEEDED = "succeeded", pgettext_lazy("refund", "Refunded")
        FAILED = "failed", _("Refund failed")
        REQUIRES_ACTION = "requires_action", _("Needs a person")
        CANCELED = "canceled", _("Closed")
        UNKNOWN = "unknown", _("Outcome unknown")  # a query settles it, never a new number

    class Way(models.TextChoices):
        GATEWAY = "gateway", _("Through the gateway")
        BANK = "bank", _("Bank transfer")
        CASH = "cash", _("Cash")
        OTHER = "other", _("Another way")

    IN_FLIGHT = (Status.PENDING_APPROVAL, Status.PENDING, Status.PROCESSING, Status.UNKNOWN, Status.REQUIRES_ACTION)

    refund_no = models.CharField(_("refund number"), max_length=32, unique=True)
    request_key = models.CharField(_("request key"), max_length=80, unique=True)  # same key, same refund
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, related_name="refunds", verbose_name=_("payment"))
    order = models.ForeignKey(Order, models.PROTECT, null=True, related_name="+", verbose_name=_("order"))
    unapplied = models.ForeignKey(  # money that never became the order's: it goes back from suspense
        UnappliedMoney, models.PROTECT, null=True, related_name="refunds", verbose_name=_("unapplied money")
    )
    way = models.CharField(_("way"), max_length=8, choices=Way, default=Way.GATEWAY)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.PENDING)
    amount_fen = models.BigIntegerField(_("amount"))
    shipping_fen = models.BigIntegerField(_("of it shipping fee"), default=0)
    reason = models.CharField(_("reason"), max_length=200)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("requested by")
    )
    gateway_refund_no = models.CharField(_("gateway refund id"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("created at"), db_index=True)
    due_at = models.DateTimeField(_("next step due"), null=True, db_index=True)
    attempt = models.PositiveIntegerField(_("attempts"), default=0)  # fences whoever sends or asks
    sent_at = models.DateTimeField(_("first sent at"), null=True)
    settled_at = models.DateTimeField(_("settled at"), null=True)
    settled_by = models.ForeignKey(  # a person, by what the gateway's console or a receipt shows
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("settled by")
    )
    settled_reason = models.CharField(_("settled because"), max_length=200, blank=True)
    last_message = models.CharField(_("the gateway's words"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        permissions = (
            ("request_refund", _("Can request refunds")),
            ("approve_refund", _("Can approve refunds that others requested")),
            ("settle_refund", _("Can settle refunds by hand and record money paid back outside the gateway")),
        )
        constraints = (
            CheckConstraint(name="refund_amount", condition=Q(amount_fen__gt=0)),
            CheckConstraint(name="refund_shipping", condition=Q(shipping_fen__gte=0)),
            CheckConstraint(
                name="refund_of_something",
                condition=Q(payment__isnull=False)
                | Q(unapplied__isnull=False)
                | (Q(order__isnull=False) & ~Q(way="gateway")),
            ),
        )
        indexes = (models.Index(fields=("order", "-id"), name="refund_order"),)

    def __str__(self) -> str:
        return self.refund_no

    @property
    def is_of_payment(self) -> bool:
        """Whether what goes back is what the payment itself collected, and so counts against its limit."""
        if self.payment is None:
            return False
        return self.unapplied is None or self.unapplied.gateway_trade_no == self.payment.gateway_trade_no

    @property
    def is_settled_by_hand(self) -> bool:
        """By a person's word about what the gateway did; the gateway may still say otherwise."""
        return self.settled_by_id is not None and self.way == self.Way.GATEWAY


class RefundLine(models.Model):
    """How much of which order line a refund gives back."""

    refund = models.ForeignKey(Refund, models.CASCADE, related_name="lines", verbose_name=_("refund"))
    line = models.ForeignKey(OrderLine, models.PROTECT, related_name="+", verbose_name=_("order line"))
    amount_fen = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name = _("refund line")
        verbose_name_plural = _("refund lines")
        constraints = (
            models.UniqueConstraint(fields=("refund", "line"), name="refund_line_once"),
            CheckConstraint(name="refund_line_amount", condition=Q(amount_fen__gt=0)),
        )

    def __str__(self) -> str:
        return f"{self.line_id}: {self.amount_fen}"
