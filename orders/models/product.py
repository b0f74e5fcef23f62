from __future__ import annotations

from django.db import models
from django.db.models import CheckConstraint, Q
from django.utils.translation import gettext_lazy as _


class Product(models.Model):
    """The merchant's book of what is sold at which price; no stock is kept here."""

    sku = models.CharField(_("SKU"), max_length=64, unique=True)
    title = models.CharField(_("title"), max_length=200)
    category = models.CharField(_("category"), max_length=60, blank=True)
    price_fen = models.BigIntegerField(_("price"))
    tax_category_code = models.CharField(_("tax classification code"), max_length=19, blank=True)
    tax_rate_permille = models.PositiveSmallIntegerField(_("VAT rate (‰)"), null=True, blank=True)
    is_active = models.BooleanField(_("on sale"), default=True)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = (CheckConstraint(name="product_price", condition=Q(price_fen__gte=0)),)

    def __str__(self) -> str:
        return self.title
