from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q
from django.utils.translation import gettext_lazy as _

from orders.models import Order

from .account import GatewayAccount
from .payment import Payment


class UnappliedMoney(models.Model):
    """Money that came and fits no open order: booked to suspense, and somebody's work until it is resolved."""

    class Reason(models.TextChoices):
        PAYMENT_NOT_FOUND = "payment_not_found", _("No such payment")
        OTHER_AMOUNT = "other_amount", _("Another amount")
        OTHER_CURRENCY = "other_currency", _("Another currency")
        ORDER_CLOSED = "order_closed", _("The order is closed")
        ALREADY_PAID = "already_paid", _("Already paid")

    class Action(models.TextChoices):
        REVIVE = "revive", _("Revive the order")
        APPLY = "apply", _("Apply to an order")
        REFUND = "refund", _("Refund")
        OUTSIDE = "outside", _("Pay back outside the gateway")  # which refuses to, or takes no refund of it any more
        INCOME = "income", _("Keep as other income")

    account = models.ForeignKey(GatewayAccount, models.PROTECT, related_name="+", verbose_name=_("account"))
    gateway_trade_no = models.CharField(_("gateway transaction id"), max_length=64)
    payment_no = models.CharField(_("payment number"), max_length=64, blank=True)
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, related_name="+", verbose_name=_("payment"))
    order = models.ForeignKey(Order, models.PROTECT, null=True, related_name="+", verbose_name=_("order"))
    amount_fen = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    reason = models.CharField(_("why"), max_length=20, choices=Reason)
    proposed_action = models.CharField(_("proposed"), max_length=8, choices=Action)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("owner"),
    )
    received_at = models.DateTimeField(_("received at"), db_index=True)
    resolved_at = models.DateTimeField(_("resolved at"), null=True)
    resolution = models.CharField(_("resolution"), max_length=8, choices=Action, blank=True)
    resolution_note = models.CharField(_("reason of the resolution"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("unapplied money")
        verbose_name_plural = _("unapplied money")
        permissions = (("keep_unappliedmoney", _("Can keep unapplied money as other income")),)
        constraints = (
            models.UniqueConstraint(fields=("account", "gateway_trade_no"), name="unapplied_once"),
            CheckConstraint(name="unapplied_amount", condition=Q(amount_fen__gt=0)),
        )

    def __str__(self) -> str:
        return self.gateway_trade_no
