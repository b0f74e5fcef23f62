"""Certificates as Alipay gives and numbers them, and who vouches for whom."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import md5

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID

from ..pem import BROKEN_DER

CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
RSA_SIGNATURES = "1.2.840.113549.1.1."
LONGEST_CHAIN = 5


def read_certificates(pem: str) -> list[x509.Certificate]:
    """All that can be read: of Alipay's own bundle of roots, one cannot."""
    return list(_certificates(pem))


def certificate_sn(pem: str) -> str:
    """
    The number of the first certificate; those after it only vouch for it.

    :raises ValueError: if there is no certificate
    """
    for certificate in _certificates(pem):
        return sn_of(certificate)
    raise ValueError("no certificate")


def root_certificate_sn(pem: str) -> str:
    """
    The numbers of the roots that signed with RSA, joined. Alipay's bundle has others, which do not count, and of
    which one cannot even be parsed.

    :raises ValueError: if none did
    """
    roots = [root for root in _certificates(pem) if is_of_rsa(root)]
    if not roots:
        raise ValueError("no RSA root certificate")
    return joined_sn(roots)


def joined_sn(roots: Sequence[x509.Certificate]) -> str:
    return "_".join(sn_of(root) for root in roots)


def is_of_rsa(certificate: x509.Certificate) -> bool:
    return certificate.signature_algorithm_oid.dotted_string.startswith(RSA_SIGNATURES)


def sn_of(certificate: x509.Certificate) -> str:
    issued = f"{certificate.issuer.rfc4514_string()}{certificate.serial_number}"
    return md5(issued.encode(), usedforsecurity=False).hexdigest()


def common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def is_of_test_issuer(certificate: x509.Certificate) -> bool:
    return "test" in certificate.issuer.rfc4514_string().lower()


def rsa_key_of(certificate: x509.Certificate) -> RSAPublicKey | None:
    try:
        key = certificate.public_key()
    except BROKEN_DER:
        return None
    return key if isinstance(key, RSAPublicKey) else None


def is_vouched_for(
    leaf: x509.Certificate, *, between: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], at: datetime
) -> bool:
    """Whether a chain of valid certificates leads from one of the roots to this one."""
    current = leaf
    for _step in range(LONGEST_CHAIN):
        if not is_valid(current, at=at):
            return False
        if any(_issued(current, by=root) and is_valid(root, at=at) for root in roots):
            return True
        issuer = next((one for one in between if one != current and _issued(current, by=one)), None)
        if issuer is None:
            return False
        current = issuer
    return False


def is_valid(certificate: x509.Certificate, *, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _issued(certificate: x509.Certificate, *, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
        limits = by.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (*BROKEN_DER, InvalidSignature, x509.ExtensionNotFound):
        return False
    return limits.ca


def _certificates(pem: str) -> Iterator[x509.Certificate]:
    for block in CERTIFICATE.findall(pem):
        try:
            yield x509.load_pem_x509_certificate(block.encode())
        except BROKEN_DER:
            continue
