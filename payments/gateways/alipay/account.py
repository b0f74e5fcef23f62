from __future__ import annotations

import re
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from django.utils.translation import gettext_lazy as _

from ..account import (
    MODE,
    AccountConfig,
    AccountField,
    ConfigError,
    Environment,
    FieldKind,
    MissingSetting,
    gateway_address,
    required,
)
from ..certificates import load_certificates
from ..keys import is_pair, load_private, load_public
from .certificates import common_name, is_of_rsa, joined_sn, rsa_key_of, sn_of
from .keyring import PlatformKey

LIVE_ADDRESS = "https://openapi.alipay.com/gateway.do"
SANDBOX_ADDRESS = "https://openapi-sandbox.dl.alipaydev.com/gateway.do"
APP_ID_FORM = re.compile(r"[0-9]{16}")
SELLER_ID_FORM = re.compile(r"2088[0-9]{12}")

KEY_MODE, CERTIFICATE_MODE = "public_key", "certificate"

MODE_FIELD = AccountField(
    code=MODE,
    label=_("Signing mode"),
    help=_("As the console of open.alipay.com shows it under “API signing”: public keys, or certificates."),
    kind=FieldKind.CHOICE,
    required=False,
    choices=((KEY_MODE, _("Public keys")), (CERTIFICATE_MODE, _("Certificates"))),
)
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
    only_in=frozenset({KEY_MODE}),
)
APP_CERT = AccountField(
    code="app_cert",
    label=_("Application certificate"),
    help=_("appCertPublicKey_….crt, downloaded from open.alipay.com; its name ends with the app ID."),
    kind=FieldKind.CERTIFICATE,
    only_in=frozenset({CERTIFICATE_MODE}),
)
ALIPAY_CERT = AccountField(
    code="alipay_cert",
    label=_("Alipay certificate"),
    help=_("alipayCertPublicKey_RSA2.crt, with both of the certificates in it. A new one may stand beside the old."),
    kind=FieldKind.CERTIFICATE,
    only_in=frozenset({CERTIFICATE_MODE}),
)
ROOT_CERT = AccountField(
    code="root_cert",
    label=_("Alipay root certificates"),
    help=_("alipayRootCert.crt, as it was downloaded: all certificates in it, unchanged."),
    kind=FieldKind.CERTIFICATE,
    only_in=frozenset({CERTIFICATE_MODE}),
)


class OwnPublicKey(ConfigError):
    text = _(
        "%(label)s: this is the public half of your own private key. Copy Alipay's public key, "
        "which its console shows beside yours."
    )


class WrongNumber(ConfigError):
    text = _("%(label)s: “%(given)s” is not such a number. %(help)s")


class OwnCertificate(ConfigError):
    text = _(
        "%(label)s: this is the certificate of your own application. "
        "Alipay's is in the file alipayCertPublicKey_RSA2.crt."
    )


class NotAnRsaCertificate(ConfigError):
    text = _("%(label)s: the key in this certificate is not RSA. Download the RSA2 certificates from open.alipay.com.")


class NoRsaRoot(ConfigError):
    text = _("%(label)s: none of these is an RSA root. Download alipayRootCert.crt again and change nothing in it.")


class KeyOfAnotherCertificate(ConfigError):
    text = _(
        "%(label)s: the application certificate of this account was not made for this key. "
        "Take the certificate and the key that belong together."
    )


class CertificateOfAnotherApp(ConfigError):
    text = _(
        "%(label)s: it is made out to “%(found)s”, and the app ID here is %(app_id)s. "
        "Its number would be refused with every request."
    )


class AlipayAccount:
    """An account's settings, each checked when it is first used, so that a half-filled one can be diagnosed."""

    def __init__(self, config: AccountConfig) -> None:
        self._config = config

    @cached_property
    def address(self) -> str:
        return gateway_address(config=self._config, live=LIVE_ADDRESS, sandbox=SANDBOX_ADDRESS)

    @cached_property
    def app_id(self) -> str:
        return self._number(APP_ID, APP_ID_FORM)

    @cached_property
    def seller_id(self) -> str:
        return self._number(SELLER_ID, SELLER_ID_FORM)

    @cached_property
    def private_key(self) -> RSAPrivateKey:
        return load_private(self._config.credentials.get(PRIVATE_KEY.code, ""), field=PRIVATE_KEY)

    @property
    def is_live(self) -> bool:
        return self._config.environment is Environment.LIVE

    @property
    def uses_certificates(self) -> bool:
        return self._config.settings.get(MODE, "").strip() == CERTIFICATE_MODE

    @property
    def private_key_text(self) -> str:
        return self._config.credentials.get(PRIVATE_KEY.code, "")

    @property
    def app_cert_text(self) -> str:
        return self._config.credentials.get(APP_CERT.code, "")

    @cached_property
    def alipay_key(self) -> RSAPublicKey:
        """
        The newest key of Alipay's.

        :raises OwnPublicKey: if ours was pasted instead, the mistake made most often of all
        """
        return self._alipay_key(self._config.credentials.get(ALIPAY_PUBLIC_KEY.code, ""))

    @cached_property
    def app_cert(self) -> x509.Certificate:
        """
        The certificate that Alipay issued for our private key.

        :raises ConfigError: if it is none, or one of another key or application
        """
        certificate = load_certificates(self.app_cert_text, field=APP_CERT)[0]
        found = common_name(certificate.subject)
        if not found.endswith(f"-{self.app_id}"):
            raise CertificateOfAnotherApp(
                field=APP_CERT.code, label=APP_CERT.label, found=found or "—", app_id=self.app_id
            )
        if not is_pair(private=self.private_key, public=_rsa_key(certificate, field=APP_CERT)):
            raise KeyOfAnotherCertificate(field=PRIVATE_KEY.code, label=PRIVATE_KEY.label)
        return certificate

    @cached_property
    def roots(self) -> list[x509.Certificate]:
        """
        :raises ConfigError: if no root of them signs with RSA
        """
        given = load_certificates(self._config.credentials.get(ROOT_CERT.code, ""), field=ROOT_CERT)
        found = [root for root in given if is_of_rsa(root)]
        if not found:
            raise NoRsaRoot(field=ROOT_CERT.code, label=ROOT_CERT.label)
        return found

    @property
    def root_cert_sn(self) -> str:
        """
        :raises ConfigError: if no root of them signs with RSA
        """
        return joined_sn(self.roots)

    @cached_property
    def certificate_numbers(self) -> dict[str, str]:
        """
        What every request says of our certificates, and signs; nothing in public-key mode.

        :raises ConfigError: if a certificate cannot be used
        """
        if not self.uses_certificates:
            return {}
        return {"app_cert_sn": sn_of(self.app_cert), "alipay_root_cert_sn": self.root_cert_sn}

    @cached_property
    def platform_keys(self) -> tuple[PlatformKey, ...]:
        """
        What Alipay may have signed with, by the account's mode; newest first.

        :raises ConfigError: if one of them cannot be used
        """
        if self.uses_certificates:
            return tuple(self._certified(pem) for pem in self._all_of(ALIPAY_CERT))
        return tuple(
            PlatformKey(kind=ALIPAY_PUBLIC_KEY.code, value=text, key=self._alipay_key(text))
            for text in self._all_of(ALIPAY_PUBLIC_KEY)
        )

    @cached_property
    def alipay_certificates(self) -> list[list[x509.Certificate]]:
        """Of each that is alive, its own certificate first, then those between it and a root."""
        return [list(load_certificates(pem, field=ALIPAY_CERT)) for pem in self._config.all_of(ALIPAY_CERT.code)]

    def _all_of(self, field: AccountField) -> tuple[str, ...]:
        texts = tuple(text for text in self._config.all_of(field.code) if text.strip())
        if not texts:
            raise MissingSetting(field=field.code, label=field.label)
        return texts

    def _alipay_key(self, text: str) -> RSAPublicKey:
        key = load_public(text, field=ALIPAY_PUBLIC_KEY)
        if is_pair(private=self.private_key, public=key):
            raise OwnPublicKey(field=ALIPAY_PUBLIC_KEY.code, label=ALIPAY_PUBLIC_KEY.label)
        return key

    def _certified(self, pem: str) -> PlatformKey:
        certificate = load_certificates(pem, field=ALIPAY_CERT)[0]
        key = _rsa_key(certificate, field=ALIPAY_CERT)
        if is_pair(private=self.private_key, public=key) or common_name(certificate.subject).endswith(
            f"-{self.app_id}"
        ):
            raise OwnCertificate(field=ALIPAY_CERT.code, label=ALIPAY_CERT.label)
        return PlatformKey(kind=ALIPAY_CERT.code, value=pem, key=key, serial=sn_of(certificate))

    def _number(self, field: AccountField, form: re.Pattern[str]) -> str:
        given = required(self._config.settings, field)
        if form.fullmatch(given) is None:
            raise WrongNumber(field=field.code, label=field.label, given=given, help=field.help)
        return given


def _rsa_key(certificate: x509.Certificate, *, field: AccountField) -> RSAPublicKey:
    key = rsa_key_of(certificate)
    if key is None:
        raise NotAnRsaCertificate(field=field.code, label=field.label)
    return key
