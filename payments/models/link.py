from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from orders.models import Order


class PayLink(models.Model):
    """A customer's way to the pay page of one order. Only the hash of its token is kept."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="+", verbose_name=_("order"))
    token_hash = models.CharField(_("token hash"), max_length=64, unique=True)
    created_at = models.DateTimeField(_("created at"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("created by")
    )
    expires_at = models.DateTimeField(_("expires at"))
    opened_at = models.DateTimeField(_("first opened at"), null=True)

    class Meta:
        verbose_name = _("pay link")
        verbose_name_plural = _("pay links")

    def __str__(self) -> str:
        return f"#{self.pk}"
