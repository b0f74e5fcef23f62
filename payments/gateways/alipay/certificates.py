"""Serial numbers of certificates as Alipay computes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import md5

from cryptography import x509

CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
RSA_SIGNATURES = "1.2.840.113549.1.1."


def certificate_sn(pem: str) -> str:
    """
    The number of the first certificate; those after it only vouch for it.

    :raises ValueError: if there is no certificate
    """
    for certificate in _certificates(pem):
        return _number(certificate)
    raise ValueError("no certificate")


def root_certificate_sn(pem: str) -> str:
    """
    The numbers of the roots that signed with RSA, joined. Alipay's bundle has others, which do not count, and of
    which one cannot even be parsed.

    :raises ValueError: if none did
    """
    roots = [root for root in _certificates(pem) if _is_rsa(root)]
    if not roots:
        raise ValueError("no RSA root certificate")
    return "_".join(_number(root) for root in roots)


def _certificates(pem: str) -> Iterator[x509.Certificate]:
    for block in CERTIFICATE.findall(pem):
        try:
            yield x509.load_pem_x509_certificate(block.encode())
        except ValueError:
            continue


def _is_rsa(certificate: x509.Certificate) -> bool:
    return certificate.signature_algorithm_oid.dotted_string.startswith(RSA_SIGNATURES)


def _number(certificate: x509.Certificate) -> str:
    issued = f"{certificate.issuer.rfc4514_string()}{certificate.serial_number}"
    return md5(issued.encode(), usedforsecurity=False).hexdigest()
