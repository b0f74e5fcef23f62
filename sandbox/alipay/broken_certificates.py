"""Spoiled credentials of certificate mode: the four files of it, each wrong in a way that happens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sandbox.alipay import certification
from sandbox.alipay.accounts import Account
from sandbox.alipay.authority import BLOCK, YEARS_AGO, Span
from sandbox.box import Box
from sandbox.gateway import BrokenSet
from sandbox.keys import new_key

Credentials = dict[str, str]
APP_CERT, ALIPAY_CERT, ROOTS = "app_cert", "alipay_cert", "root_cert"
YEARS_AHEAD: Span = datetime(2090, 1, 1, tzinfo=UTC), datetime(2095, 1, 1, tzinfo=UTC)
Files = Callable[[Credentials, Box, Account], Credentials]  # of an honest set, those that are replaced


def _set(zh: str, en: str, files: Files) -> BrokenSet:
    """In certificate mode, all files in order but those that `files` gives."""

    def make(honest: Credentials, box: Box) -> Credentials:
        account = box.accounts.known[honest["app_id"]]
        whole = honest | certification.certificates(box, account) | {"mode": "certificate"}
        return whole | files(whole, box, account)

    return BrokenSet(zh, en, make)


@cache
def _strangers_key() -> RSAPublicKey:
    return new_key(seed=None).public_key()


def _app_name(account: Account) -> str:
    return f"{account.seller_id}-{account.app_id}"


def _alipay_name(account: Account) -> str:
    return f"{certification.COMPANY}-{account.seller_id}"


def _other_digit(number: str) -> str:
    return number[:-1] + str((int(number[-1]) + 1) % 10)


def _app_cert_of_another_app(honest: Credentials, box: Box, account: Account) -> Credentials:
    name = f"{account.seller_id}-{_other_digit(account.app_id)}"
    return {APP_CERT: box.accounts.authority.make(name=name, key=account.app_key.public_key())}


def _app_cert_of_another_key(honest: Credentials, box: Box, account: Account) -> Credentials:
    return {APP_CERT: box.accounts.authority.make(name=_app_name(account), key=_strangers_key())}


def _dated_app_cert(span: Span) -> Files:
    def files(honest: Credentials, box: Box, account: Account) -> Credentials:
        name, key = _app_name(account), account.app_key.public_key()
        return {APP_CERT: box.accounts.authority.make(name=name, key=key, span=span)}

    return files


def _expired_alipay_cert(honest: Credentials, box: Box, account: Account) -> Credentials:
    authority, key = box.accounts.authority, account.alipay_key.public_key()
    return {ALIPAY_CERT: authority.make(name=_alipay_name(account), key=key, span=YEARS_AGO) + authority.between}


def _alipay_cert_of_another_merchant(honest: Credentials, box: Box, account: Account) -> Credentials:
    authority, name = box.accounts.authority, f"{certification.COMPANY}-{_other_digit(account.seller_id)}"
    return {ALIPAY_CERT: authority.make(name=name, key=account.alipay_key.public_key()) + authority.between}


def _attackers_alipay_cert(honest: Credentials, box: Box, account: Account) -> Credentials:
    forger = certification.stranger(box)
    return {ALIPAY_CERT: forger.make(name=_alipay_name(account), key=_strangers_key()) + forger.between}


def _strangers_roots(honest: Credentials, box: Box, account: Account) -> Credentials:
    return {ROOTS: certification.stranger(box).roots}


def _one_root_of_three(which: int) -> Files:
    return lambda honest, box, account: {ROOTS: BLOCK.findall(honest[ROOTS])[which]}


def _swapped(honest: Credentials, box: Box, account: Account) -> Credentials:
    return {APP_CERT: honest[ALIPAY_CERT], ALIPAY_CERT: honest[APP_CERT]}


def _copied(source: str, *, into: str) -> Files:
    return lambda honest, box, account: {into: honest[source]}


BROKEN = {
    "app_cert_of_another_app": _set("别的应用的应用公钥证书", "another app's certificate", _app_cert_of_another_app),
    "app_cert_of_another_key": _set(
        "应用公钥证书与私钥不配对", "an app certificate for another key", _app_cert_of_another_key
    ),
    "expired_app_cert": _set("应用公钥证书已过期", "an expired app certificate", _dated_app_cert(YEARS_AGO)),
    "future_app_cert": _set(
        "应用公钥证书未生效", "an app certificate that is not valid yet", _dated_app_cert(YEARS_AHEAD)
    ),
    "root_as_app_cert": _set(
        "应用公钥证书栏填了根证书", "the root certificates as the app's", _copied(ROOTS, into=APP_CERT)
    ),
    "private_key_as_app_cert": _set(
        "应用公钥证书栏填了私钥", "the private key as the app certificate", _copied("app_private_key", into=APP_CERT)
    ),
    "expired_alipay_cert": _set("支付宝公钥证书已过期", "an expired Alipay certificate", _expired_alipay_cert),
    "alipay_cert_of_another_merchant": _set(
        "别的商户的支付宝公钥证书", "another merchant's Alipay certificate", _alipay_cert_of_another_merchant
    ),
    "attackers_alipay_cert": _set("伪造的支付宝公钥证书", "a forged Alipay certificate", _attackers_alipay_cert),
    "public_key_as_alipay_cert": _set(
        "支付宝公钥证书栏填了支付宝公钥",
        "Alipay's public key in place of its certificate",
        _copied("alipay_public_key", into=ALIPAY_CERT),
    ),
    "swapped_certs": _set("应用公钥证书与支付宝公钥证书填反", "app and Alipay certificate swapped", _swapped),
    "app_cert_as_alipay_cert": _set(
        "支付宝公钥证书栏填了应用公钥证书",
        "the app certificate as Alipay's",
        _copied(APP_CERT, into=ALIPAY_CERT),
    ),
    "strangers_roots": _set("别处的根证书", "root certificates from elsewhere", _strangers_roots),
    "cut_roots": _set("根证书文件被删减", "a root file that was edited", _one_root_of_three(1)),
    "roots_without_rsa": _set("根证书文件里没有 RSA 根证书", "a root file without an RSA root", _one_root_of_three(0)),
    "alipay_cert_as_root": _set(
        "根证书栏填了支付宝公钥证书", "Alipay's certificate as the root", _copied(ALIPAY_CERT, into=ROOTS)
    ),
}
