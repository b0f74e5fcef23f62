from __future__ import annotations

from django.core.validators import FileExtensionValidator, MinValueValidator
from django.db import models
from django.db.models import CheckConstraint, Q
from django.utils.translation import gettext_lazy as _

LOGO_TYPES = FileExtensionValidator(("png", "jpg", "jpeg", "webp"))  # no SVG: it can carry scripts


class ShopSettings(models.Model):
    """What the merchant sets once for the whole shop. There is one row."""

    # Given, not counted: MariaDB checks no column that counts by itself.
    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    name = models.CharField(_("shop name"), max_length=60, default="我的店铺")
    logo = models.FileField(_("logo"), upload_to="shop/", blank=True, validators=(LOGO_TYPES,))
    service_phone = models.CharField(_("service phone"), max_length=40, blank=True)
    alert_email = models.EmailField(_("alerts go to"), blank=True)
    payment_minutes = models.PositiveIntegerField(_("minutes to pay"), default=30, validators=(MinValueValidator(5),))
    reminder_minutes = models.PositiveIntegerField(
        _("remind unpaid orders after (minutes)"), default=15, help_text=_("0 sends no reminder.")
    )
    ship_hours = models.PositiveIntegerField(_("hours to ship"), default=48)
    complete_days = models.PositiveIntegerField(_("complete shipped orders after (days)"), default=10)
    refund_caps_fen = models.JSONField(
        _("refund caps"),
        default=dict,
        blank=True,
        help_text=_("Largest single refund of each role, in fen; a role that is not named has no cap."),
    )
    refunds_a_day = models.JSONField(
        _("refunds a day"),
        default=dict,
        blank=True,
        help_text=_("How many refunds one person of a role requests in a day without approval; no number, no limit."),
    )
    rule_refunds_need_approval = models.BooleanField(
        _("refunds requested by rules need approval"),
        default=True,
        help_text=_("Otherwise money that a rule gives back is sent without anybody having looked."),
    )
    retype_above_fen = models.BigIntegerField(
        _("type the amount again above"), default=100_000, validators=(MinValueValidator(0),)
    )
    went_live_at = models.DateTimeField(_("went live at"), null=True, blank=True)

    class Meta:
        verbose_name = _("shop settings")
        verbose_name_plural = _("shop settings")
        constraints = (CheckConstraint(name="shop_settings_single", condition=Q(id=1)),)

    def __str__(self) -> str:
        return self.name
