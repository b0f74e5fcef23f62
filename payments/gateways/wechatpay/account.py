from __future__ import annotations

import re
from functools import cached_property

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ..account import AccountConfig, AccountField, Environment, MissingSetting, gateway_address, required
from ..certificates import belongs_to, load_certificates
from ..keys import is_pair, load_private, load_public
from . import fields
from .fields import WrongForm
from .platform import PlatformKey, PlatformKeys, serial_of

LIVE_ADDRESS = "https://api.mch.weixin.qq.com"
LOGIN_ADDRESS = "https://open.weixin.qq.com"
NAMES_ADDRESS = "https://api.weixin.qq.com"


class WechatpayAccount:
    """An account's settings, each checked when it is first used, so that a half-filled one can be diagnosed."""

    def __init__(self, config: AccountConfig) -> None:
        self._config = config

    @cached_property
    def address(self) -> str:
        """WeChat Pay has no test environment: a sandbox account names its sandbox."""
        return gateway_address(config=self._config, live=LIVE_ADDRESS, sandbox="").rstrip("/")

    @cached_property
    def root(self) -> str:
        """What of the address comes before every path, and is signed with it: nothing, but in a sandbox."""
        return httpx.URL(self.address).raw_path.decode("ascii").rstrip("/")

    @property
    def login_address(self) -> str:
        """Where WeChat tells who a customer is: its own hosts, or the sandbox."""
        return LOGIN_ADDRESS if self._is_live else self.address

    @property
    def names_address(self) -> str:
        return NAMES_ADDRESS if self._is_live else self.address

    @cached_property
    def mode(self) -> str:
        given = self._config.settings.get(fields.MODE_FIELD.code, "").strip() or fields.PUBLIC_KEY_MODE
        if given not in (code for code, _label in fields.MODE_FIELD.choices):
            raise _wrong_form(fields.MODE_FIELD, given)
        return given

    @cached_property
    def mchid(self) -> str:
        return self._formed(fields.MCHID, fields.MCHID_FORM)

    @cached_property
    def appid(self) -> str:
        return self._formed(fields.APPID, fields.APPID_FORM)

    @cached_property
    def private_key(self) -> RSAPrivateKey:
        return load_private(self.private_key_text, field=fields.PRIVATE_KEY)

    @property
    def private_key_text(self) -> str:
        return self._config.credentials.get(fields.PRIVATE_KEY.code, "")

    @property
    def merchant_certificates(self) -> tuple[x509.Certificate, ...]:
        """Of each file the first certificate: what follows it vouches for it."""
        texts = self._config.all_of(fields.MERCHANT_CERTIFICATE.code)
        return tuple(load_certificates(text, field=fields.MERCHANT_CERTIFICATE)[0] for text in texts)

    @cached_property
    def certificate_text(self) -> str:
        """The merchant certificate that belongs to the private key; empty if it is not here."""
        texts = self._config.all_of(fields.MERCHANT_CERTIFICATE.code)
        found = zip(texts, self.merchant_certificates, strict=True)
        return next((text for text, it in found if belongs_to(certificate=it, key=self.private_key)), "")

    @cached_property
    def serial_no(self) -> str:
        """
        The number of the certificate that belongs to the private key: read from the certificate if it is here.

        :raises ConfigError: if it is neither here nor typed in, or cannot be right
        """
        for certificate in self.merchant_certificates:
            if belongs_to(certificate=certificate, key=self.private_key):
                return serial_of(certificate)
        return self.typed_serial_no

    @property
    def typed_serial_no(self) -> str:
        given = required(self._config.settings, fields.SERIAL_NO)
        if given.startswith("PUB_KEY_ID"):
            raise fields.PublicKeyIdAsSerial(field=fields.SERIAL_NO.code, label=fields.SERIAL_NO.label)
        serial = re.sub(r"[\s:]", "", given).upper()
        if fields.SERIAL_FORM.fullmatch(serial) is None:
            raise _wrong_form(fields.SERIAL_NO, given)
        return serial

    @property
    def has_typed_serial_no(self) -> bool:
        return bool(self._config.settings.get(fields.SERIAL_NO.code, "").strip())

    @cached_property
    def public_key_id(self) -> str:
        return self._formed(fields.PUBLIC_KEY_ID, fields.PUBLIC_KEY_ID_FORM)

    @property
    def apiv3_key(self) -> str:
        return self.apiv3_keys[0]

    @cached_property
    def apiv3_keys(self) -> tuple[str, ...]:
        """
        Newest first; each is taken as it was set, blanks and all.

        :raises ConfigError: if one cannot be such a key
        """
        newest = required(self._config.credentials, fields.APIV3_KEY)
        keys = (newest, *(key.strip() for key in self._config.all_of(fields.APIV3_KEY.code)[1:]))
        for key in keys:
            self._refuse_strange_apiv3_key(key)
        return keys

    @property
    def has_app_secret(self) -> bool:
        return bool(self._config.credentials.get(fields.APP_SECRET.code, "").strip())

    @property
    def app_secret(self) -> str:
        given = required(self._config.credentials, fields.APP_SECRET)
        if fields.APP_SECRET_FORM.fullmatch(given) is None:
            raise WrongForm(
                field=fields.APP_SECRET.code, label=fields.APP_SECRET.label, given="…", help=fields.APP_SECRET.help
            )
        return given

    @cached_property
    def platform_keys(self) -> PlatformKeys:
        """
        All that WeChat Pay may sign with, of both kinds: while a merchant switches, it uses both. None is here yet
        where certificates are still to be fetched.

        :raises ConfigError: if one cannot be read, or the public key is missing
        """
        return PlatformKeys([*self.platform_public_keys, *self.platform_certificates])

    @property
    def sealing_key(self) -> PlatformKey:
        """
        The newest key of WeChat Pay's, to encrypt for it.

        :raises ConfigError: if there is none, or it cannot be read
        """
        by_key = self.mode == fields.PUBLIC_KEY_MODE
        found = self.platform_public_keys if by_key else self.platform_certificates
        if not found:
            field = fields.PLATFORM_CERTIFICATE
            raise MissingSetting(field=field.code, label=field.label)
        return found[0]

    @property
    def platform_public_keys(self) -> list[PlatformKey]:
        """
        The newest goes by the ID in the settings; those before it by IDs that nobody wrote down.

        :raises OwnKeyForTheirs: if ours was pasted instead
        """
        field, found = fields.PLATFORM_PUBLIC_KEY, []
        if self.mode == fields.PUBLIC_KEY_MODE:
            required(self._config.credentials, field)
        for place, text in enumerate(self._config.all_of(field.code)):
            key = load_public(text, field=field)
            if self._is_ours(key, text):
                raise fields.OwnKeyForTheirs(field=field.code, label=field.label)
            name = self._config.settings.get(fields.PUBLIC_KEY_ID.code, "").strip() if place == 0 else ""
            found.append(PlatformKey(kind=field.code, text=text, serial=name, key=key))
        return found

    @property
    def platform_certificates(self) -> list[PlatformKey]:
        """
        :raises OwnKeyForTheirs: if our certificate was uploaded instead
        """
        field, found = fields.PLATFORM_CERTIFICATE, []
        for text in self._config.all_of(field.code):
            for certificate in load_certificates(text, field=field):
                key = load_public(certificate.public_bytes(Encoding.PEM).decode(), field=field)
                if is_pair(private=self.private_key, public=key) or common_name(certificate) == self.mchid:
                    raise fields.OwnKeyForTheirs(field=field.code, label=field.label)
                found.append(PlatformKey(kind=field.code, text=text, serial=serial_of(certificate), key=key))
        return found

    @property
    def _is_live(self) -> bool:
        return self._config.environment is Environment.LIVE

    def _is_ours(self, key: RSAPublicKey, text: str) -> bool:
        """Our certificate passes for the key in it, whichever of our key pairs that is of."""
        certificates = list(self.merchant_certificates)
        if "BEGIN CERTIFICATE" in text:
            certificates += load_certificates(text, field=fields.PLATFORM_PUBLIC_KEY)[:1]
        of_ours = [it.public_key() for it in certificates if common_name(it) == self.mchid]
        return is_pair(private=self.private_key, public=key) or key in of_ours

    def _refuse_strange_apiv3_key(self, key: str) -> None:
        code, label = fields.APIV3_KEY.code, fields.APIV3_KEY.label
        if not key.isascii() or not key.isprintable() or " " in key:
            raise fields.StrangeApiv3Character(field=code, label=label)
        if len(key) != fields.APIV3_KEY_LENGTH:
            raise fields.WrongApiv3Length(field=code, label=label, count=len(key))
        if key == self._config.credentials.get(fields.APP_SECRET.code, "").strip():
            raise fields.SecretForApiv3Key(field=code, label=label)

    def _formed(self, field: AccountField, form: re.Pattern[str]) -> str:
        given = required(self._config.settings, field)
        if form.fullmatch(given) is None:
            raise _wrong_form(field, given)
        return given


def _wrong_form(field: AccountField, given: str) -> WrongForm:
    return WrongForm(field=field.code, label=field.label, given=given, help=field.help)


def common_name(certificate: x509.Certificate) -> str:
    """Of a merchant certificate, the merchant ID."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""
