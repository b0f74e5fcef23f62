"""The certificates of an account: whose they are, how long they last, and who vouches for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from cryptography import x509
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.clock import local

from ..account import AccountField, ConfigError
from ..checks import CheckResult, CheckStatus, refused
from .account import ALIPAY_CERT, APP_CERT, ROOT_CERT, AlipayAccount
from .certificates import common_name, is_of_test_issuer, is_vouched_for, sn_of

KNOWN_ROOTS = frozenset({"687b59193f3f462dd5336e5abf83c5d8_02941eef3187dddf3d3b83462e1dfcf6"})
EXPIRY_DAYS = (7, 30, 60)  # staff are warned when no more than these are left

APP_CERT_SN_LABEL = gettext_lazy("Number of the application certificate")
CHAIN_LABEL = gettext_lazy("Issuer of the Alipay certificate")
EXPIRY_LABELS = {
    APP_CERT.code: gettext_lazy("Validity of the application certificate"),
    ALIPAY_CERT.code: gettext_lazy("Validity of the Alipay certificate"),
    ROOT_CERT.code: gettext_lazy("Validity of the root certificates"),
}


def check_certificates(*, account: AlipayAccount, at: datetime) -> list[CheckResult]:
    """The checks of certificate mode; each certificate that cannot be read is one row, and no further one."""
    return [
        *_rows(APP_CERT, lambda: _check_app_cert(account, at)),
        *_rows(ALIPAY_CERT, lambda: _check_alipay_certs(account, at)),
        *_rows(ROOT_CERT, lambda: _check_roots(account, at)),
    ]


def _rows(field: AccountField, check: Callable[[], Iterator[CheckResult]]) -> list[CheckResult]:
    try:
        return list(check())
    except ConfigError as error:
        return [refused(code=field.code, label=field.label, error=error)]


def _check_app_cert(account: AlipayAccount, at: datetime) -> Iterator[CheckResult]:
    certificate = account.app_cert
    yield _result(APP_CERT, certificate, account, meaning=_("It belongs to this application and its private key."))
    yield CheckResult(
        code="app_cert_sn",
        label=APP_CERT_SN_LABEL,
        value=sn_of(certificate),
        meaning=_("Every request carries it; compare it with the console if Alipay refuses it."),
    )
    yield _expiry(APP_CERT, [certificate], at=at)


def _check_alipay_certs(account: AlipayAccount, at: datetime) -> Iterator[CheckResult]:
    """Several may be alive; the newest is the one that must last."""
    leaves = [chain[0] for chain in account.alipay_certificates if chain] if account.platform_keys else []
    strangers = [one for one in leaves if not common_name(one.subject).endswith(f"-{account.seller_id}")]
    if strangers:
        yield CheckResult(
            code=ALIPAY_CERT.code,
            label=ALIPAY_CERT.label,
            status=CheckStatus.ERROR,
            value=common_name(strangers[0].subject),
            meaning=_("It is not made out to the merchant %(seller_id)s.") % {"seller_id": account.seller_id},
            remedy=_("Download the Alipay certificate of this merchant's application, or correct the merchant ID."),
        )
        return
    numbers = _("Alipay signs with it. Held now: %(numbers)s") % {"numbers": ", ".join(sn_of(one) for one in leaves)}
    yield _result(ALIPAY_CERT, leaves[0], account, meaning=numbers)
    yield _expiry(ALIPAY_CERT, account.alipay_certificates[0], at=at)
    if account.is_live:
        yield _chain(account, leaves, at=at)


def _check_roots(account: AlipayAccount, at: datetime) -> Iterator[CheckResult]:
    number = account.root_cert_sn
    is_known = number in KNOWN_ROOTS or not account.is_live
    yield CheckResult(
        code=ROOT_CERT.code,
        label=ROOT_CERT.label,
        status=CheckStatus.OK if is_known else CheckStatus.WARNING,
        value=number,
        meaning=_("Every request carries the number of these roots.")
        if is_known
        else _("These are not the roots that Alipay gives out: the file was edited, or is a new one."),
        remedy="" if is_known else _("Download alipayRootCert.crt again, and change nothing in it."),
    )
    yield _expiry(ROOT_CERT, account.roots, at=at)


def _result(field: AccountField, certificate: x509.Certificate, account: AlipayAccount, *, meaning: str) -> CheckResult:
    name = common_name(certificate.subject)
    if account.is_live and is_of_test_issuer(certificate):
        return CheckResult(
            code=field.code,
            label=field.label,
            status=CheckStatus.ERROR,
            value=name,
            meaning=_("It was issued for Alipay's test environment, and this account is live."),
            remedy=_("Download the certificates of the live application."),
        )
    return CheckResult(code=field.code, label=field.label, value=name, meaning=meaning)


def _chain(account: AlipayAccount, leaves: Sequence[x509.Certificate], *, at: datetime) -> CheckResult:
    between = [one for chain in account.alipay_certificates for one in chain[1:]]
    try:
        fits = all(is_vouched_for(leaf, between=between, roots=account.roots, at=at) for leaf in leaves)
    except ConfigError:
        fits = False  # the roots have a row of their own that says why
    return CheckResult(
        code="alipay_cert_chain",
        label=CHAIN_LABEL,
        status=CheckStatus.OK if fits else CheckStatus.ERROR,
        value=common_name(leaves[0].issuer),
        meaning=_("One of Alipay's roots vouches for it.") if fits else _("None of the roots here vouches for it."),
        remedy="" if fits else _("Upload alipayCertPublicKey_RSA2.crt and alipayRootCert.crt again, as downloaded."),
    )


def _expiry(field: AccountField, certificates: Sequence[x509.Certificate], *, at: datetime) -> CheckResult:
    """By the one that ends first, those of its issuers included."""
    first = min(certificates, key=lambda one: one.not_valid_after_utc)
    begins = max(one.not_valid_before_utc for one in certificates)
    days = (first.not_valid_after_utc - at).total_seconds() / 86_400
    status, meaning = _judge_days(days, has_begun=begins <= at)
    return CheckResult(
        code=f"{field.code}_expiry",
        label=EXPIRY_LABELS[field.code],
        status=status,
        value=f"{local(first.not_valid_after_utc):%Y-%m-%d}",
        meaning=meaning,
        remedy="" if status is CheckStatus.OK else _renewal(field),
    )


def _judge_days(days: float, *, has_begun: bool) -> tuple[CheckStatus, str]:
    if days < 0:
        return CheckStatus.ERROR, _("It has expired.")
    if not has_begun:
        return CheckStatus.ERROR, _("It is not valid yet.")
    if days <= EXPIRY_DAYS[-1]:
        limit = next(limit for limit in EXPIRY_DAYS if days <= limit)
        return CheckStatus.WARNING, _("It expires within %(days)s days.") % {"days": limit}
    return CheckStatus.OK, _("It is valid for more than 60 days.")


def _renewal(field: AccountField) -> str:
    if field is APP_CERT:
        return _("Have a new application certificate issued on open.alipay.com, and put it in beside this one.")
    return _("Download it again from open.alipay.com, and check the clock of this server.")
