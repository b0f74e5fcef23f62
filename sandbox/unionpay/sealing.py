"""UnionPay's own signature under answers, notifications and front returns, honest or forged."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha1

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1

from sandbox.unionpay.accounts import Authority, Merchant
from sandbox.unionpay.certificates import Issuer, Subject, issue, leaf_name, named, pem
from sandbox.unionpay.signing import sign, sign_once, string_to_sign

Fields = dict[str, str]
CERTIFICATE = "signPubKeyCert"
# What forgers of the other gateways do, in UnionPay's terms.
SAME = {"app_key": "merchant_key", "keep_sign_type": "single_hash"}


def seal(
    fields: Mapping[str, str], authority: Authority, *, forge: str = "", merchant: Merchant | None = None
) -> Fields:
    """
    Add the certificate and the signature.

    :param forge: wrongly, in one of the ways of faults.UNIONPAY_FORGERIES
    :param merchant: whose key is misused for `merchant_key`
    """
    plain = {name: value for name, value in fields.items() if value}
    forge = SAME.get(forge, forge)
    if forge == "merchant_key" and merchant is not None:
        return _signed({**plain, CERTIFICATE: merchant.certificate}, merchant.key)
    return SEALS[forge](plain, authority)


def _signed(fields: Fields, key: object, how: Callable[..., str] = sign) -> Fields:
    return {**fields, "signature": how(fields, key)}


def _honest(fields: Fields, authority: Authority) -> Fields:
    return _signed({**fields, CERTIFICATE: pem(authority.leaf)}, authority.leaf_key)


def _corrupt(fields: Fields, authority: Authority) -> Fields:
    sealed = _honest({**fields, "respMsg": f"{fields.get('respMsg', '')}."}, authority)
    return sealed | {"respMsg": fields.get("respMsg", "")}


def _single_hash(fields: Fields, authority: Authority) -> Fields:
    return _signed({**fields, CERTIFICATE: pem(authority.leaf)}, authority.leaf_key, sign_once)


def _sha1(fields: Fields, authority: Authority) -> Fields:
    """As version 5.0.0 did."""
    plain = {**fields, CERTIFICATE: pem(authority.leaf)}
    digest = sha1(string_to_sign(plain).encode(), usedforsecurity=False).hexdigest()
    signature = authority.leaf_key.sign(digest.encode(), PKCS1v15(), SHA1())  # noqa: S303
    return {**plain, "signature": b64encode(signature).decode()}


def _other_key(fields: Fields, authority: Authority) -> Fields:
    return _signed({**fields, CERTIFICATE: pem(authority.leaf)}, stranger().leaf_key)


def _attacker_chain(fields: Fields, authority: Authority) -> Fields:
    """All is in order but the chain: names, dates, signature; the certificate comes from the attacker's own CA."""
    return _honest(fields, stranger())


def _self_signed(fields: Fields, authority: Authority) -> Fields:
    key = stranger().leaf_key
    name = leaf_name(1)
    certificate = issue(Subject(name, key.public_key(), 7), by=Issuer(named(name), key))
    return _signed({**fields, CERTIFICATE: pem(certificate)}, key)


def _expired(fields: Fields, authority: Authority) -> Fields:
    return _signed({**fields, CERTIFICATE: pem(authority.expired_leaf)}, authority.leaf_key)


def _other_company(fields: Fields, authority: Authority) -> Fields:
    return _signed({**fields, CERTIFICATE: pem(authority.renamed_leaf)}, authority.leaf_key)


def _lf_certificate(fields: Fields, authority: Authority) -> Fields:
    """The line ends were changed on the way."""
    return _honest(fields, authority) | {CERTIFICATE: pem(authority.leaf, line_end="\n")}


def _no_certificate(fields: Fields, authority: Authority) -> Fields:
    return _signed(fields, authority.leaf_key)


def _unsigned(fields: Fields, authority: Authority) -> Fields:
    return {**fields, CERTIFICATE: pem(authority.leaf)}


SEALS: dict[str, Callable[[Fields, Authority], Fields]] = {
    "": _honest,
    "corrupt": _corrupt,
    "other_key": _other_key,
    "merchant_key": _other_key,
    "sha1": _sha1,
    "single_hash": _single_hash,
    "unsigned": _unsigned,
    "attacker_chain": _attacker_chain,
    "self_signed": _self_signed,
    "expired_certificate": _expired,
    "other_company": _other_company,
    "lf_certificate": _lf_certificate,
    "no_certificate": _no_certificate,
}


@cache
def stranger() -> Authority:
    """The attacker's own certificate authority."""
    return Authority.create()
