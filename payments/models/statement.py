from __future__ import annotations

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .account import GatewayAccount
from .payment import Payment
from .refund import Refund


class StatementQuerySet(models.QuerySet["Statement"]):
    def due(self, *, at: datetime) -> Self:
        return self.filter(due_at__lte=at)


class Statement(models.Model):
    """A gateway's file about one account and business day, kept as it came, and what comparing it has shown."""

    class State(models.TextChoices):
        WAITING = "waiting", _("To be fetched")
        FETCHED = "fetched", _("Fetched")
        EMPTY = "empty", _("Nothing moved")
        UNREADABLE = "unreadable", _("Unreadable")

    account = models.ForeignKey(GatewayAccount, models.PROTECT, related_name="+", verbose_name=_("account"))
    day = models.DateField(_("business day"), db_index=True)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.WAITING)
    file = models.FileField(_("file"), upload_to="statements/", blank=True)
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True)
    is_uploaded = models.BooleanField(_("uploaded by staff"), default=False)
    revision = models.PositiveIntegerField(_("revision"), default=0)  # of the file; a new one books what it changes
    attempt = models.PositiveIntegerField(_("attempts"), default=0)  # fences whoever fetches
    due_at = models.DateTimeField(_("to be fetched at"), null=True, db_index=True)
    fetched_at = models.DateTimeField(_("fetched at"), null=True)
    compared_at = models.DateTimeField(_("compared at"), null=True)
    last_message = models.CharField(_("the gateway's words"), max_length=300, blank=True)

    payments = models.PositiveIntegerField(_("payments at the gateway"), default=0)
    payments_fen = models.BigIntegerField(_("paid at the gateway"), default=0)
    refunds = models.PositiveIntegerField(_("refunds at the gateway"), default=0)
    refunds_fen = models.BigIntegerField(_("refunded at the gateway"), default=0)
    fees_fen = models.BigIntegerField(_("fees"), default=0)
    fees_booked_fen = models.BigIntegerField(_("fees booked"), default=0)
    our_payments = models.PositiveIntegerField(_("our payments"), default=0)
    our_payments_fen = models.BigIntegerField(_("our payments' sum"), default=0)
    our_refunds = models.PositiveIntegerField(_("our refunds"), default=0)
    our_refunds_fen = models.BigIntegerField(_("our refunds' sum"), default=0)

    objects = StatementQuerySet.as_manager()

    class Meta:
        verbose_name = _("statement")
        verbose_name_plural = _("reconciliation")
        constraints = (models.UniqueConstraint(fields=("account", "day"), name="statement_once"),)

    def __str__(self) -> str:
        return f"{self.account} {self.day}"

    @property
    def difference_fen(self) -> int:
        """What the gateway says moved, less what we say; fees left out."""
        return (self.payments_fen - self.refunds_fen) - (self.our_payments_fen - self.our_refunds_fen)

    @property
    def net_fen(self) -> int:
        """What the gateway owes the merchant for this day."""
        return self.payments_fen - self.refunds_fen - self.fees_fen


class StatementLine(models.Model):
    """One movement of a statement, in our own words."""

    statement = models.ForeignKey(Statement, models.CASCADE, related_name="lines", verbose_name=_("statement"))
    line_no = models.PositiveIntegerField(_("line"))
    movement = models.CharField(_("movement"), max_length=8)  # payment, refund
    payment_no = models.CharField(_("payment number"), max_length=64, blank=True)
    gateway_trade_no = models.CharField(_("gateway transaction id"), max_length=64, db_index=True)
    refund_no = models.CharField(_("refund number"), max_length=64, blank=True, db_index=True)
    gateway_refund_no = models.CharField(_("gateway refund id"), max_length=64, blank=True)
    amount_fen = models.BigIntegerField(_("amount"))
    fee_fen = models.BigIntegerField(_("fee"), default=0)
    native_state = models.CharField(_("state"), max_length=32, blank=True)
    occurred_at = models.DateTimeField(_("at"), null=True)

    class Meta:
        verbose_name = _("statement line")
        verbose_name_plural = _("statement lines")
        constraints = (models.UniqueConstraint(fields=("statement", "line_no"), name="statement_line_once"),)

    def __str__(self) -> str:
        return f"{self.movement} {self.gateway_trade_no}"


class Discrepancy(models.Model):
    """A difference between a statement and our books: somebody's work until it is resolved with a reason."""

    class Kind(models.TextChoices):
        MISSING_LOCAL = "missing_local", _("Only at the gateway")
        MISSING_GATEWAY = "missing_gateway", _("Only in our books")
        AMOUNT = "amount_mismatch", _("Another amount")
        FEE = "fee_mismatch", _("Another fee")
        STATUS = "status_mismatch", _("Another state")
        DUPLICATE = "duplicate", _("Twice in the statement")
        CUTOFF = "cutoff", _("Another day")

    class Resolution(models.TextChoices):
        REPAIRED = "repaired", pgettext_lazy("discrepancy", "Put right")
        CONFIRMED = "confirmed", pgettext_lazy("discrepancy", "Accepted with a reason")
        CUTOFF = "cutoff", pgettext_lazy("discrepancy", "Found on the day beside")
        VANISHED = "vanished", pgettext_lazy("discrepancy", "Gone when compared again")

    statement = models.ForeignKey(Statement, models.PROTECT, related_name="discrepancies", verbose_name=_("statement"))
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    key = models.CharField(_("key"), max_length=140)  # kind, movement and number: found again, it is the same one
    movement = models.CharField(_("movement"), max_length=8)
    payment_no = models.CharField(_("payment number"), max_length=64, blank=True)
    refund_no = models.CharField(_("refund number"), max_length=64, blank=True)
    gateway_trade_no = models.CharField(_("gateway transaction id"), max_length=64, blank=True)
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, related_name="+", verbose_name=_("payment"))
    refund = models.ForeignKey(Refund, models.PROTECT, null=True, related_name="+", verbose_name=_("refund"))
    ours_fen = models.BigIntegerField(_("ours"), null=True)
    theirs_fen = models.BigIntegerField(_("the gateway's"), null=True)
    our_state = models.CharField(_("our state"), max_length=24, blank=True)
    their_state = models.CharField(_("the gateway's state"), max_length=32, blank=True)
    occurred_at = models.DateTimeField(_("at"), null=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("owner")
    )
    opened_at = models.DateTimeField(_("found at"), db_index=True)
    resolved_at = models.DateTimeField(_("resolved at"), null=True)
    resolution = models.CharField(_("resolution"), max_length=12, choices=Resolution, blank=True)
    resolution_note = models.CharField(_("reason of the resolution"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("difference")
        verbose_name_plural = _("differences")
        constraints = (models.UniqueConstraint(fields=("statement", "key"), name="discrepancy_once"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.payment_no or self.gateway_trade_no}"
