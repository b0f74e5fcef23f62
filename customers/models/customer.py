from __future__ import annotations

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from kernel.phones import mask_name
from kernel.secrets import SealedRow, sealed_text


class CustomerType(models.Model):
    """Individual, company and group are seeded; merchants add more."""

    code = models.SlugField(_("code"), max_length=24, unique=True)
    name = models.CharField(_("name"), max_length=40)
    name_en = models.CharField(_("English name"), max_length=40, blank=True)
    glyph = models.CharField(_("glyph"), max_length=2, default="客")  # one character, shown before the name
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("customer type")
        verbose_name_plural = _("customer types")

    def __str__(self) -> str:
        return self.name_en if self.name_en and (get_language() or "").startswith("en") else self.name


class Customer(SealedRow):
    """
    Who buys. The phone is sealed and found by keyed hash; the name stays in clear so that it can be searched.

    Imported orders that name nobody belong to the anonymous customer of their source.
    """

    customer_no = models.CharField(_("customer number"), max_length=24, unique=True)
    type = models.ForeignKey(
        CustomerType, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("type")
    )
    name = models.CharField(_("name"), max_length=60, db_index=True)
    email = models.EmailField(_("e-mail"), blank=True)
    phone_sealed = models.TextField(_("phone"), blank=True)
    phone_hash = models.CharField(_("phone hash"), max_length=32, blank=True, db_index=True)
    phone_tail_hash = models.CharField(_("phone tail hash"), max_length=32, blank=True, db_index=True)
    # The source whose nameless orders this customer stands for; empty for people.
    anonymous_for = models.CharField(_("anonymous for"), max_length=40, null=True, unique=True)  # noqa: DJ001
    note = models.CharField(_("note"), max_length=500, blank=True)
    is_blocked = models.BooleanField(_("blocked"), default=False)
    created_at = models.DateTimeField(_("created at"))

    phone = sealed_text("phone_sealed")

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        permissions = (("reveal_customer", _("Can see full phone numbers and addresses")),)

    def __str__(self) -> str:
        return f"{mask_name(self.name)} {self.customer_no}"  # it stands in titles, logs and the audit log

    @property
    def is_anonymous(self) -> bool:
        return self.anonymous_for is not None
