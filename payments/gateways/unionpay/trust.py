"""
Whose certificate came along with a message. A good signature alone proves nothing: whoever forges a message sends a
certificate of his own with it, and it fits.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID

from ..base import Meter
from ..certificates import is_issued_by
from ..pem import BROKEN_DER
from .signature import SIGN_METHOD, VERSION, is_signed, string_to_sign

COMPANY = "中国银联股份有限公司"
TEST_NAME = "00040000:SIGN"  # the name in certificates of the test gateway, until 2020
CACHED_CHAINS = 16
MAX_CERTIFICATE = 16 * 1024


class Untrusted(Exception):
    """
    Not proved to be UnionPay's.

    :param fault: `signature`, `certificate` (unreadable or not UnionPay's), `chain` or `expired`
    """

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """:param text: as the account holds it, under the field code `kind`; it may hold several"""

    kind: str
    text: str = field(repr=False)
    certificate: x509.Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """UnionPay's own certificate, and who vouches for it."""

    leaf: x509.Certificate
    key: RSAPublicKey
    middle: Authority
    root: Authority

    def is_valid(self, *, at: datetime) -> bool:
        links = (self.leaf, self.middle.certificate, self.root.certificate)
        return all(is_valid(link, at=at) for link in links)


class Judge:
    """Tells UnionPay's messages from forged ones. Chains that held are kept by the text of the certificate."""

    def __init__(
        self,
        *,
        authorities: Callable[[], tuple[tuple[Authority, ...], tuple[Authority, ...]]],
        allows_test_name: bool,
        meter: Meter,
    ) -> None:
        """
        :param authorities: middles and roots
        """
        self._authorities = authorities
        self._allows_test_name = allows_test_name
        self._meter = meter
        self._chains: OrderedDict[bytes, Chain] = OrderedDict()
        self._lock = Lock()

    def believe(self, params: dict[bytes, bytes], *, at: datetime) -> str:
        """
        Make sure that UnionPay signed these parameters.

        :return: the serial of UnionPay's certificate, in decimal, as its consoles show it
        :raises Untrusted: if it did not
        :raises ConfigError: if our certificates cannot be read
        """
        if params.get(b"signMethod") != SIGN_METHOD.encode() or params.get(b"version") != VERSION.encode():
            raise Untrusted("signature")
        chain = self._chain(params.get(b"signPubKeyCert", b""), at=at)
        if not is_signed(signed=string_to_sign(params), signature=params.get(b"signature", b""), key=chain.key):
            raise Untrusted("signature")
        for authority in (chain.middle, chain.root):
            self._meter(kind=authority.kind, value=authority.text, act="verify")
        return str(chain.leaf.serial_number)

    def _chain(self, text: bytes, *, at: datetime) -> Chain:
        with self._lock:
            known = self._chains.get(text)
        chain = known or self._build(text, at=at)
        if not chain.is_valid(at=at):
            raise Untrusted("expired")
        with self._lock:
            self._chains[text] = chain
            self._chains.move_to_end(text)
            while len(self._chains) > CACHED_CHAINS:
                self._chains.popitem(last=False)
        return chain

    def _build(self, text: bytes, *, at: datetime) -> Chain:
        middles, roots = self._authorities()
        try:
            return self._vouched_for(_read(text), middles=middles, roots=roots, at=at)
        except BROKEN_DER as error:  # anybody may send anything here
            raise Untrusted("certificate") from error

    def _vouched_for(
        self, leaf: x509.Certificate, *, middles: Sequence[Authority], roots: Sequence[Authority], at: datetime
    ) -> Chain:
        key = leaf.public_key()
        if not isinstance(key, RSAPublicKey) or not self._is_unionpays(leaf):
            raise Untrusted("certificate")
        chains = [
            Chain(leaf=leaf, key=key, middle=middle, root=root)
            for middle in middles
            if is_issued_by(certificate=leaf, issuer=middle.certificate)
            for root in roots
            if is_issued_by(certificate=middle.certificate, issuer=root.certificate)
        ]
        if not chains:
            raise Untrusted("chain")
        return next((chain for chain in chains if chain.is_valid(at=at)), chains[0])

    def _is_unionpays(self, leaf: x509.Certificate) -> bool:
        """Merchants have certificates of the same authorities: the name tells them from UnionPay."""
        names = common_name(leaf).split("@")
        allowed = {COMPANY, TEST_NAME} if self._allows_test_name else {COMPANY}
        return len(names) == 4 and names[2] in allowed


def common_name(certificate: x509.Certificate) -> str:
    """The name a certificate is made out to; empty if there is none, or more than one."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if len(found) == 1 else ""


def is_valid(certificate: x509.Certificate, *, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _read(text: bytes) -> x509.Certificate:
    if len(text) > MAX_CERTIFICATE:
        raise Untrusted("certificate")
    return x509.load_pem_x509_certificate(text)
