from __future__ import annotations

import re
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from django.utils.translation import gettext_lazy as _

from ..account import AccountConfig, AccountField, ConfigError, FieldKind, gateway_address, required
from ..keys import is_pair, load_private, load_public

LIVE_ADDRESS = "https://openapi.alipay.com/gateway.do"
SANDBOX_ADDRESS = "https://openapi-sandbox.dl.alipaydev.com/gateway.do"
APP_ID_FORM = re.compile(r"[0-9]{16}")
SELLER_ID_FORM = re.compile(r"2088[0-9]{12}")

APP_ID = AccountField(
    code="app_id",
    label=_("Alipay app ID"),
    help=_("16 digits, from the page of your application on open.alipay.com."),
    kind=FieldKind.DIGITS,
)
SELLER_ID = AccountField(
    code="seller_id",
    label=_("Alipay merchant ID (PID)"),
    help=_("16 digits that begin with 2088. A notification for another merchant is refused."),
    kind=FieldKind.DIGITS,
)
PRIVATE_KEY = AccountField(
    code="private_key",
    label=_("Application private key"),
    help=_("The private half of the key pair (RSA2, 2048 bits) whose public half you uploaded to Alipay."),
    kind=FieldKind.PRIVATE_KEY,
    secret=True,
)
ALIPAY_PUBLIC_KEY = AccountField(
    code="alipay_public_key",
    label=_("Alipay public key"),
    help=_("Alipay's own public key, shown after you uploaded yours; not the public key you made."),
    kind=FieldKind.PUBLIC_KEY,
)


class OwnPublicKey(ConfigError):
    text = _(
        "%(label)s: this is the public half of your own private key. Copy Alipay's public key, "
        "which its console shows beside yours."
    )


class WrongNumber(ConfigError):
    text = _("%(label)s: “%(given)s” is not such a number. %(help)s")


class AlipayAccount:
    """An account's settings, each checked when it is first used, so that a half-filled one can be diagnosed."""

    def __init__(self, config: AccountConfig) -> None:
        self._config = config

    @property
    def address(self) -> str:
        return gateway_address(config=self._config, live=LIVE_ADDRESS, sandbox=SANDBOX_ADDRESS)

    @property
    def app_id(self) -> str:
        return self._number(APP_ID, APP_ID_FORM)

    @property
    def seller_id(self) -> str:
        return self._number(SELLER_ID, SELLER_ID_FORM)

    @cached_property
    def private_key(self) -> RSAPrivateKey:
        return load_private(self._config.credentials.get(PRIVATE_KEY.code, ""), field=PRIVATE_KEY)

    @cached_property
    def alipay_key(self) -> RSAPublicKey:
        """
        The key that Alipay signs with.

        :raises OwnPublicKey: if ours was pasted instead, the mistake made most often of all
        """
        key = load_public(self._config.credentials.get(ALIPAY_PUBLIC_KEY.code, ""), field=ALIPAY_PUBLIC_KEY)
        if is_pair(private=self.private_key, public=key):
            raise OwnPublicKey(field=ALIPAY_PUBLIC_KEY.code, label=ALIPAY_PUBLIC_KEY.label)
        return key

    def _number(self, field: AccountField, form: re.Pattern[str]) -> str:
        given = required(self._config.settings, field)
        if form.fullmatch(given) is None:
            raise WrongNumber(field=field.code, label=field.label, given=given, help=field.help)
        return given
