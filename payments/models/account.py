from __future__ import annotations

from secrets import token_urlsafe

from django.db import models
from django.utils.translation import gettext_lazy as _

from kernel.secrets import SealedRow, sealed_text


def new_webhook_key() -> str:
    return token_urlsafe(24)


class GatewayAccount(models.Model):
    """A merchant's account at a payment gateway: its names there, what it offers, and its unguessable webhook path."""

    class Environment(models.TextChoices):
        LIVE = "live", _("Live")
        SANDBOX = "sandbox", _("Sandbox")

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=60)
    gateway = models.CharField(_("gateway"), max_length=16)  # a code of the gateway registry
    environment = models.CharField(_("environment"), max_length=8, choices=Environment, default=Environment.LIVE)
    settings = models.JSONField(_("settings"), default=dict)  # no secrets: app_id, seller_id, gateway_url, …
    methods = models.JSONField(_("methods"), default=list)  # of the gateway's: qr, page, wap
    is_enabled = models.BooleanField(_("enabled"), default=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    webhook_key = models.CharField(_("webhook key"), max_length=40, unique=True, default=new_webhook_key)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("payment account")
        verbose_name_plural = _("payment accounts")

    def __str__(self) -> str:
        return self.name


class Credential(SealedRow):
    """A key or certificate of an account: written once, never shown again, several alive at a time for roll-over."""

    account = models.ForeignKey(GatewayAccount, models.CASCADE, related_name="credentials", verbose_name=_("account"))
    kind = models.CharField(_("kind"), max_length=32)  # app_private_key, alipay_public_key, …
    value_sealed = models.TextField(_("value"))
    fingerprint = models.CharField(_("fingerprint"), max_length=32)
    tail = models.CharField(_("tail"), max_length=8, blank=True)
    serial = models.CharField(_("serial"), max_length=64, blank=True)
    valid_from = models.DateTimeField(_("valid from"), null=True)
    valid_to = models.DateTimeField(_("valid to"), null=True)
    created_at = models.DateTimeField(_("created at"))
    retired_at = models.DateTimeField(_("retired at"), null=True)

    value = sealed_text("value_sealed")

    class Meta:
        verbose_name = _("credential")
        verbose_name_plural = _("credentials")

    def __str__(self) -> str:
        return f"{self.kind} …{self.tail}"
