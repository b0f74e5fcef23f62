from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from kernel.phones import mask_name
from kernel.secrets import SealedRow, sealed_text

from .customer import Customer


class PostalAddress(SealedRow):
    """A place and who receives there; recipient's phone and the address below the district are sealed."""

    recipient_name = models.CharField(_("recipient"), max_length=60, blank=True, db_index=True)
    recipient_phone_sealed = models.TextField(_("recipient's phone"), blank=True)
    recipient_phone_hash = models.CharField(_("phone hash"), max_length=32, blank=True, db_index=True)
    recipient_phone_tail_hash = models.CharField(_("phone tail hash"), max_length=32, blank=True, db_index=True)
    province = models.CharField(_("province"), max_length=40, blank=True)
    city = models.CharField(_("city"), max_length=40, blank=True)
    district = models.CharField(_("district"), max_length=40, blank=True)
    detail_sealed = models.TextField(_("address"), blank=True)

    recipient_phone = sealed_text("recipient_phone_sealed")
    detail = sealed_text("detail_sealed")

    class Meta:
        abstract = True

    @property
    def region(self) -> str:
        return " ".join(part for part in (self.province, self.city, self.district) if part)


class Address(PostalAddress):
    """One of a customer's places."""

    class Kind(models.TextChoices):
        SHIPPING = "shipping", _("Shipping address")
        SENDER = "sender", _("Sender address")
        RETURN = "return", _("Return address")
        BILLING = "billing", _("Billing address")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="addresses", verbose_name=_("customer"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.SHIPPING)
    is_default = models.BooleanField(_("default"), default=False)

    class Meta:
        verbose_name = _("address")
        verbose_name_plural = _("addresses")

    def __str__(self) -> str:
        return f"{mask_name(self.recipient_name)} {self.region}"
