from __future__ import annotations

from django.db import models
from django.db.models import CheckConstraint, F, Q
from django.utils.translation import gettext_lazy as _

from .order import Order
from .product import Product


class OrderLine(models.Model):
    """
    A good of an order, with its share of the order's discount and price adjustment.

    `total_fen` is what this line costs after its shares; a refund gives back exactly (parts of) it.
    """

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines", verbose_name=_("order"))
    line_no = models.PositiveSmallIntegerField(_("line"))
    product = models.ForeignKey(
        Product, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("product")
    )
    sku = models.CharField(_("SKU"), max_length=64, blank=True)
    title = models.CharField(_("title"), max_length=200)
    quantity = models.BigIntegerField(_("quantity"))
    unit_price_fen = models.BigIntegerField(_("unit price"))
    discount_fen = models.BigIntegerField(_("share of the discount"), default=0)
    adjustment_fen = models.BigIntegerField(_("share of the adjustment"), default=0)
    total_fen = models.BigIntegerField(_("line total"))
    shipped_quantity = models.BigIntegerField(_("shipped quantity"), default=0)
    refunded_fen = models.BigIntegerField(_("refunded"), default=0)

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        constraints = (
            models.UniqueConstraint(fields=("order", "line_no"), name="order_line_once"),
            CheckConstraint(
                name="order_line_total",
                condition=Q(total_fen=F("unit_price_fen") * F("quantity") - F("discount_fen") + F("adjustment_fen")),
            ),
            CheckConstraint(
                name="order_line_signs",
                condition=Q(quantity__gt=0, unit_price_fen__gte=0, total_fen__gte=0, shipped_quantity__gte=0),
            ),
            CheckConstraint(name="order_line_shipped", condition=Q(quantity__gte=F("shipped_quantity"))),
            CheckConstraint(
                name="order_line_refunded", condition=Q(refunded_fen__gte=0, total_fen__gte=F("refunded_fen"))
            ),
        )

    def __str__(self) -> str:
        return self.title
