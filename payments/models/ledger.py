from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from orders.models import Order

from .account import GatewayAccount


class LedgerEntry(models.Model):
    """An immutable booking whose lines add up to nothing; a correction is a reversal."""

    source_type = models.CharField(_("source"), max_length=24)  # payment, refund, unapplied, imported_order
    source_id = models.BigIntegerField(_("source id"))
    kind = models.CharField(_("kind"), max_length=24)  # collect, refund_reserve, refund_settle, …
    reference = models.CharField(_("reference"), max_length=64, blank=True, db_index=True)
    booked_at = models.DateTimeField(_("booked at"), db_index=True)

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger")
        constraints = (models.UniqueConstraint(fields=("source_type", "source_id", "kind"), name="ledger_entry_once"),)

    def __str__(self) -> str:
        return self.reference or f"#{self.pk}"


class LedgerLine(models.Model):
    """Fen on one account: positive debits it, negative credits it."""

    class Account(models.TextChoices):
        RECEIVABLE = "receivable", _("Receivable")
        CLEARING = "clearing", _("Gateway clearing")
        ELSEWHERE = "elsewhere", _("Collected elsewhere")
        FEES = "fees", _("Fees")
        REFUNDS_PAYABLE = "refunds_payable", _("Refunds payable")
        SUSPENSE = "suspense", _("Suspense")
        OTHER_INCOME = "other_income", _("Other income")  # unapplied money that is kept, with the reason

    entry = models.ForeignKey(LedgerEntry, models.PROTECT, related_name="lines", verbose_name=_("entry"))
    account = models.CharField(_("account"), max_length=16, choices=Account)
    gateway_account = models.ForeignKey(
        GatewayAccount, models.PROTECT, null=True, related_name="+", verbose_name=_("payment account")
    )
    order = models.ForeignKey(Order, models.PROTECT, null=True, related_name="+", verbose_name=_("order"))
    amount_fen = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name = _("ledger line")
        verbose_name_plural = _("ledger lines")

    def __str__(self) -> str:
        return f"{self.account} {self.amount_fen}"
