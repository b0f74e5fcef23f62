from __future__ import annotations

from django.db import models
from django.db.models import CheckConstraint, Q
from django.utils.translation import gettext_lazy as _

from kernel.secrets import SealedRow, sealed_text


class InvoiceSettings(SealedRow):
    """Who issues the shop's invoices, in whose name, and when. There is one row."""

    class Channel(models.TextChoices):
        MANUAL = "manual", _("By hand on the tax bureau's platform")
        NUONUO = "nuonuo", _("Nuonuo")

    class Ready(models.TextChoices):
        PAID = "paid", _("as soon as it is paid")
        SIGNED = "signed", _("when the order is completed")
        WINDOW = "window", _("when the after-sales days are over")

    # Given, not counted: MariaDB checks no column that counts by itself.
    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    channel = models.CharField(_("issued by"), max_length=24, choices=Channel, default=Channel.MANUAL)
    ready = models.CharField(
        _("an invoice is ready"),
        max_length=8,
        choices=Ready,
        default=Ready.PAID,
        help_text=_("The later it is issued, the fewer red letters follow. Staff can release one earlier."),
    )
    window_days = models.PositiveSmallIntegerField(
        _("after-sales days"), default=7, help_text=_("They count from when the order is completed.")
    )
    monthly_limit_fen = models.BigIntegerField(
        _("limit of a month, without tax"),
        null=True,
        blank=True,
        help_text=_("The credit line that the tax bureau grants. Empty: nothing is compared."),
    )
    seller_name = models.CharField(_("seller's name"), max_length=100, blank=True)
    seller_tax_no = models.CharField(_("seller's tax number"), max_length=20, blank=True)
    seller_address = models.CharField(_("seller's address"), max_length=200, blank=True)
    seller_phone = models.CharField(_("seller's phone"), max_length=40, blank=True)
    seller_bank = models.CharField(_("seller's bank"), max_length=100, blank=True)
    seller_account = models.CharField(_("seller's bank account"), max_length=40, blank=True)
    clerk = models.CharField(_("drawer"), max_length=20, blank=True, help_text=_("Stands on the invoice."))
    address = models.CharField(
        _("address of the service"),
        max_length=200,
        blank=True,
        help_text=_("Empty: the provider's live service. Write another one for tests only."),
    )
    app_key = models.CharField(_("app key"), max_length=64, blank=True)
    app_secret_sealed = models.TextField(_("app secret"), blank=True)
    token_sealed = models.TextField(_("access token"), blank=True)
    token_until = models.DateTimeField(_("access token valid until"), null=True)  # empty: it was typed, not fetched
    extension = models.CharField(_("extension number"), max_length=5, blank=True)
    platform_account = models.CharField(
        _("account at the tax bureau"),
        max_length=32,
        blank=True,
        help_text=_("Whose sign-in is looked at before an invoice is issued. Empty: it is not looked at."),
    )

    app_secret = sealed_text("app_secret_sealed")
    token = sealed_text("token_sealed")

    class Meta:
        verbose_name = _("invoice settings")
        verbose_name_plural = _("invoice settings")
        constraints = (CheckConstraint(name="invoice_settings_single", condition=Q(id=1)),)

    def __str__(self) -> str:
        return str(self.get_channel_display())
