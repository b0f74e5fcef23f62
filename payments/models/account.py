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
    fee_ppm = models.PositiveIntegerField(_("agreed fee in millionths"), null=True)  # 6000 is 0.6 %; None: not compared
    min_fen = models.BigIntegerField(
        _("smallest amount"), null=True
    )  # the merchant's own limits; the gateway has its own
    max_fen = models.BigIntegerField(_("largest amount"), null=True)
    customer_types = models.JSONField(_("customer types"), default=list)  # codes; empty: everybody
    order_types = models.JSONField(_("order types"), default=list)  # empty: all
    way_limits = models.JSONField(_("limits of single ways to pay"), default=dict)  # by method, as those above
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
    signs_from = models.DateTimeField(_("signs from"), null=True)  # empty: from the moment it was set
    retired_at = models.DateTimeField(_("retired at"), null=True)
    warned_days = models.PositiveSmallIntegerField(_("last warning, days before"), null=True)  # of its expiry

    value = sealed_text("value_sealed")

    class Meta:
        verbose_name = _("credential")
        verbose_name_plural = _("credentials")
        permissions = (("retire_credential", _("Can retire keys of payment accounts")),)

    def __str__(self) -> str:
        return f"{self.kind} …{self.tail or self.fingerprint[-4:]}"


class CredentialUse(models.Model):
    """How often a key signed and verified within an hour. A crash may lose the counts of its last seconds."""

    credential = models.ForeignKey(Credential, models.CASCADE, related_name="uses", verbose_name=_("credential"))
    hour = models.DateTimeField(_("hour"), db_index=True)
    signed = models.PositiveIntegerField(_("signed"), default=0)
    verified = models.PositiveIntegerField(_("verified"), default=0)
    last_at = models.DateTimeField(_("last at"))

    class Meta:
        verbose_name = _("use of a credential")
        verbose_name_plural = _("uses of credentials")
        constraints = (models.UniqueConstraint(fields=("credential", "hour"), name="credential_use_once"),)

    def __str__(self) -> str:
        return f"{self.signed} + {self.verified}"


class AccountState(models.Model):
    """What was learnt about an account while it worked: which key it misses, and how far our clock is off."""

    account = models.OneToOneField(GatewayAccount, models.CASCADE, related_name="state", primary_key=True)
    keys_wanted = models.CharField(_("missing key"), max_length=64, blank=True)  # a stranger may have made it up
    keys_asked_at = models.DateTimeField(_("keys asked for at"), null=True)
    keys_fetched_at = models.DateTimeField(_("keys fetched at"), null=True)
    clock_seconds = models.IntegerField(_("clock difference in seconds"), null=True)
    clock_at = models.DateTimeField(_("clock compared at"), null=True)
    fault = models.CharField(_("why customers are not offered it"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("state of a payment account")
        verbose_name_plural = _("states of payment accounts")

    def __str__(self) -> str:
        return str(self.account_id)
