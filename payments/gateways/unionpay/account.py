from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit, urlunsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from ..account import AccountConfig, AccountField, Environment, gateway_address, required
from ..certificates import belongs_to, load_certificates, load_pfx
from ..keys import load_private
from . import fields
from .fields import CertificateOfAnotherKey, NotRsa, WrongChoice, WrongNumber
from .trust import Authority

LIVE_ADDRESS, LIVE_FILES = "https://gateway.95516.com/gateway/api/", "https://filedownload.95516.com/"
TEST_ADDRESS, TEST_FILES = "https://gateway.test.95516.com/gateway/api/", "https://filedownload.test.95516.com/"
API_PATH, FILE_PATH = "/gateway/api/", "/file/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """
    The key that signs, and the certificate that UnionPay knows it by.

    :param kept_in: the credentials that it came from, as (field code, text)
    """

    key: RSAPrivateKey = field(repr=False)
    certificate: x509.Certificate
    kept_in: tuple[tuple[str, str], ...] = field(repr=False)

    @property
    def cert_id(self) -> str:
        """The serial number, in decimal."""
        return str(self.certificate.serial_number)


class UnionpayAccount:
    """An account's settings, each checked when it is first used, so that a half-filled one can be diagnosed."""

    def __init__(self, config: AccountConfig) -> None:
        self._config = config

    @property
    def is_live(self) -> bool:
        return self._config.environment is Environment.LIVE

    @cached_property
    def address(self) -> str:
        """Where requests go; what follows is the name of a family, such as queryTrans.do."""
        given = gateway_address(config=self._config, live=LIVE_ADDRESS, sandbox=TEST_ADDRESS).rstrip("/") + "/"
        return given if given.endswith(API_PATH) else given.rstrip("/") + API_PATH

    @property
    def file_address(self) -> str:
        """Where statements are: a host of its own at UnionPay, a folder beside the rest in a sandbox."""
        known = {LIVE_ADDRESS: LIVE_FILES, TEST_ADDRESS: TEST_FILES}
        if self.address in known:
            return known[self.address]
        parts = urlsplit(self.address)
        return urlunsplit((parts.scheme, parts.netloc, parts.path.removesuffix(API_PATH) + FILE_PATH, "", ""))

    @cached_property
    def mer_id(self) -> str:
        given = required(self._config.settings, fields.MER_ID)
        if fields.MER_ID_FORM.fullmatch(given) is None:
            label, help_text = fields.MER_ID.label, fields.MER_ID.help
            raise WrongNumber(field=fields.MER_ID.code, label=label, given=given, help=help_text)
        return given

    @cached_property
    def mode(self) -> str:
        return self._chosen(fields.MODE_FIELD)

    @property
    def same_day(self) -> str:
        return self._chosen(fields.SAME_DAY)

    @cached_property
    def signer(self) -> Signer:
        """
        :raises ConfigError: if the key or its certificate cannot be read, or do not belong together
        """
        return self._signer_of_pfx() if self.mode == fields.PFX_MODE else self._signer_of_pem()

    @cached_property
    def roots(self) -> tuple[Authority, ...]:
        return self._authorities(fields.ROOT_CERT)

    @cached_property
    def middles(self) -> tuple[Authority, ...]:
        return self._authorities(fields.MIDDLE_CERT)

    @property
    def signing_fields(self) -> tuple[AccountField, ...]:
        """Of the way in which this account keeps its key; the key comes first."""
        if self.mode == fields.PFX_MODE:
            return (fields.SIGNING_PFX,)
        return fields.PRIVATE_KEY, fields.SIGNING_CERT

    def _signer_of_pfx(self) -> Signer:
        wanted = fields.SIGNING_PFX
        stored, password = self._credential(wanted), self._credential(fields.PFX_PASSWORD)
        opened = load_pfx(stored, password=password, field=wanted)
        if not belongs_to(certificate=opened.certificate, key=opened.key):
            raise CertificateOfAnotherKey(field=wanted.code, label=wanted.label)
        kept_in = tuple((it.code, text) for it, text in ((wanted, stored), (fields.PFX_PASSWORD, password)) if text)
        return Signer(key=opened.key, certificate=opened.certificate, kept_in=kept_in)

    def _signer_of_pem(self) -> Signer:
        pasted, text = self._credential(fields.PRIVATE_KEY), self._credential(fields.SIGNING_CERT)
        key = load_private(pasted, field=fields.PRIVATE_KEY)
        certificate = self.signing_certificate
        if not belongs_to(certificate=certificate, key=key):
            raise CertificateOfAnotherKey(field=fields.PRIVATE_KEY.code, label=fields.PRIVATE_KEY.label)
        kept_in = ((fields.PRIVATE_KEY.code, pasted), (fields.SIGNING_CERT.code, text))
        return Signer(key=key, certificate=certificate, kept_in=kept_in)

    @cached_property
    def signing_certificate(self) -> x509.Certificate:
        """Our own, whichever way it is kept; those after it only vouch for it."""
        if self.mode == fields.PFX_MODE:
            return self.signer.certificate
        found = load_certificates(self._credential(fields.SIGNING_CERT), field=fields.SIGNING_CERT)[0]
        if not isinstance(found.public_key(), RSAPublicKey):
            raise NotRsa(field=fields.SIGNING_CERT.code, label=fields.SIGNING_CERT.label)
        return found

    def _authorities(self, wanted: AccountField) -> tuple[Authority, ...]:
        texts = self._config.all_of(wanted.code) or ("",)
        return tuple(
            Authority(kind=wanted.code, text=text, certificate=certificate)
            for text in texts
            for certificate in load_certificates(text, field=wanted)
        )

    def _credential(self, wanted: AccountField) -> str:
        return self._config.credentials.get(wanted.code, "")

    def _chosen(self, wanted: AccountField) -> str:
        allowed = [code for code, _label in wanted.choices]
        given = self._config.settings.get(wanted.code, "").strip() or allowed[0]
        if given not in allowed:
            raise WrongChoice(field=wanted.code, label=wanted.label, given=given)
        return given
