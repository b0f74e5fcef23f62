from __future__ import annotations

from django.db import models
from django.db.models import CheckConstraint, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from .line import OrderLine
from .order import Order


class Carrier(models.Model):
    """A courier; the list is seeded and the merchant's to edit."""

    code = models.CharField(_("code"), max_length=16, unique=True)
    name = models.CharField(_("name"), max_length=40)
    name_en = models.CharField(_("English name"), max_length=40, blank=True)
    kuaidi100_code = models.CharField(_("kuaidi100 code"), max_length=40, blank=True)
    aliases = models.JSONField(_("other names"), default=list, blank=True)
    prefixes = models.JSONField(_("number prefixes"), default=list, blank=True)  # a suggestion, never a rule
    needs_phone_tail = models.BooleanField(_("asks for the phone's last four digits"), default=False)
    is_active = models.BooleanField(_("in use"), default=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("carrier")
        verbose_name_plural = _("carriers")

    def __str__(self) -> str:
        return self.name_en if self.name_en and (get_language() or "").startswith("en") else self.name


class Shipment(models.Model):
    """A parcel of an order."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="shipments", verbose_name=_("order"))
    parcel_no = models.PositiveSmallIntegerField(_("parcel"))
    carrier = models.ForeignKey(Carrier, models.PROTECT, null=True, related_name="+", verbose_name=_("carrier"))
    carrier_name = models.CharField(_("carrier as written"), max_length=40, blank=True)  # where the book has none
    tracking_no = models.CharField(_("tracking number"), max_length=64, blank=True, db_index=True)
    shipped_at = models.DateTimeField(_("shipped at"))
    corrections = models.JSONField(_("earlier numbers"), default=list)

    class Meta:
        verbose_name = _("parcel")
        verbose_name_plural = _("parcels")
        constraints = (models.UniqueConstraint(fields=("order", "parcel_no"), name="shipment_once"),)

    def __str__(self) -> str:
        return self.tracking_no or f"#{self.parcel_no}"


class ShipmentLine(models.Model):
    shipment = models.ForeignKey(Shipment, models.CASCADE, related_name="lines", verbose_name=_("parcel"))
    line = models.ForeignKey(OrderLine, models.CASCADE, related_name="+", verbose_name=_("order line"))
    quantity = models.BigIntegerField(_("quantity"))

    class Meta:
        verbose_name = _("parcel line")
        verbose_name_plural = _("parcel lines")
        constraints = (
            models.UniqueConstraint(fields=("shipment", "line"), name="shipment_line_once"),
            CheckConstraint(name="shipment_line_quantity", condition=Q(quantity__gt=0)),
        )

    def __str__(self) -> str:
        return f"{self.line_id} ×{self.quantity}"
