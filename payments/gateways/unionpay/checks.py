"""What is right and wrong about an account, without asking UnionPay."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from cryptography import x509
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.clock import local

from ..account import ADDRESS_LABEL, AccountField, ConfigError, Environment, Words
from ..certificates import certificate_fingerprint, is_issued_by
from ..checks import CheckResult, CheckStatus, check_notify_url, refused
from .account import UnionpayAccount
from .fields import MER_ID, MIDDLE_CERT, MODE_FIELD, ROOT_CERT, SAME_DAY, TEST_MER_ID
from .signature import as_bytes, is_signed, sign, string_to_sign
from .trust import Authority, common_name, is_valid

SAMPLE = {"merId": "777290058110048", "txnTime": "20261122120000", "riskRateInfo": "{commodityName=商品 A&B}"}
SOON = timedelta(days=60)
TEST_ISSUER = re.compile(r"\btest\b", re.IGNORECASE)
OWNER = re.compile(r"(?P<mer_id>[0-9]{15})(?::SIGN)?")

VALIDITY_LABEL = gettext_lazy("Validity of the signing certificate")
OWNER_LABEL = gettext_lazy("Owner of the signing certificate")
ORIGIN_LABEL = gettext_lazy("Live or test certificates")
CHAIN_LABEL = gettext_lazy("Chain of the UnionPay certificates")
AUTHORITY_LABEL = gettext_lazy("Validity of the UnionPay certificates")
ROUND_TRIP_LABEL = gettext_lazy("Signature round trip")

Check = Callable[[], CheckResult]


def check_account(*, account: UnionpayAccount, notify_url: str, at: datetime) -> list[CheckResult]:
    """All that can be told without asking UnionPay."""
    environment = Environment.LIVE if account.is_live else Environment.SANDBOX
    given: list[tuple[str, Words, Check]] = [
        ("base_url", ADDRESS_LABEL, lambda: _fine("base_url", ADDRESS_LABEL, account.address, _("Requests go here."))),
        (MODE_FIELD.code, MODE_FIELD.label, lambda: _check_choice(MODE_FIELD, account.mode)),
        (MER_ID.code, MER_ID.label, lambda: _check_mer_id(account)),
        (SAME_DAY.code, SAME_DAY.label, lambda: _check_choice(SAME_DAY, account.same_day)),
        *_own(account),
        (ROOT_CERT.code, ROOT_CERT.label, lambda: _check_authorities(ROOT_CERT, account.roots)),
        (MIDDLE_CERT.code, MIDDLE_CERT.label, lambda: _check_authorities(MIDDLE_CERT, account.middles)),
    ]
    checks = [_attempt(code, label, check) for code, label, check in given]
    judged = [*_of_own(account, at=at), *_of_unionpay(account, at=at), *_of_origin(account)]
    checks += [check for check in judged if check is not None]
    return checks + ([check_notify_url(url=notify_url, environment=environment)] if notify_url else [])


def _attempt(code: str, label: Words, check: Check) -> CheckResult:
    try:
        return check()
    except ConfigError as error:
        return refused(code=code, label=label, error=error)


def _quietly(check: Check) -> CheckResult | None:
    """What depends on something that cannot be read says nothing: that has been said already."""
    try:
        return check()
    except ConfigError:
        return None


def _fine(code: str, label: Words, value: str, meaning: str) -> CheckResult:
    return CheckResult(code=code, label=label, value=value, meaning=meaning)


def _fault(code: str, label: Words, *, value: str, meaning: str, remedy: str) -> CheckResult:
    return CheckResult(code=code, label=label, status=CheckStatus.ERROR, value=value, meaning=meaning, remedy=remedy)


def _check_choice(field: AccountField, chosen: str) -> CheckResult:
    return _fine(field.code, field.label, str(dict(field.choices)[chosen]), _("This is one of the choices."))


def _check_mer_id(account: UnionpayAccount) -> CheckResult:
    given = account.mer_id
    if account.is_live and given.startswith(TEST_MER_ID):
        return CheckResult(
            code=MER_ID.code,
            label=MER_ID.label,
            status=CheckStatus.WARNING,
            value=given,
            meaning=_("IDs that begin with 777 are of the test environment, and this account is live."),
            remedy=_("Take the merchant ID from your contract."),
        )
    return _fine(MER_ID.code, MER_ID.label, given, _("Notifications for another merchant are refused."))


def _own(account: UnionpayAccount) -> list[tuple[str, Words, Check]]:
    """One check for each field that holds our key in the way this account keeps it."""
    try:
        key, *certificates = account.signing_fields
    except ConfigError:
        return []
    return [
        (key.code, key.label, lambda: _check_signer(key, account)),
        *((it.code, it.label, partial(_check_certificate, it, account)) for it in certificates),
    ]


def _check_signer(field: AccountField, account: UnionpayAccount) -> CheckResult:
    signer = account.signer
    value = f"RSA {signer.key.key_size}, certId {signer.cert_id}"
    return _fine(field.code, field.label, value, _("The key can be read, and its certificate fits."))


def _check_certificate(field: AccountField, account: UnionpayAccount) -> CheckResult:
    found = account.signing_certificate
    value = f"certId {found.serial_number}, {certificate_fingerprint(found)}"
    return _fine(field.code, field.label, value, _("The certificate can be read."))


def _check_authorities(field: AccountField, authorities: Sequence[Authority]) -> CheckResult:
    value = ", ".join(common_name(it.certificate) or certificate_fingerprint(it.certificate) for it in authorities)
    return _fine(field.code, field.label, value, _("The certificate can be read."))


def _of_own(account: UnionpayAccount, *, at: datetime) -> list[CheckResult | None]:
    return [
        _quietly(
            lambda: check_validity(
                code="signing_validity", label=VALIDITY_LABEL, found=[account.signing_certificate], at=at
            )
        ),
        _quietly(lambda: _check_owner(account)),
        _attempt("round_trip", ROUND_TRIP_LABEL, lambda: _check_round_trip(account)),
    ]


def check_validity(*, code: str, label: Words, found: Sequence[x509.Certificate], at: datetime) -> CheckResult:
    """Of several certificates, the one that ends last counts: the others are being replaced."""
    newest = max(found, key=lambda it: it.not_valid_after_utc)
    begins, ends = newest.not_valid_before_utc, newest.not_valid_after_utc
    status, meaning = CheckStatus.OK, _("It is valid long enough.")
    if at > ends:
        status, meaning = CheckStatus.ERROR, _("It has expired.")
    elif at < begins:
        status, meaning = CheckStatus.ERROR, _("It is not valid yet.")
    elif ends - at <= SOON:
        status, meaning = CheckStatus.WARNING, _("It expires in %(days)d days.") % {"days": (ends - at).days}
    remedy = "" if status is CheckStatus.OK else _("Get a new certificate, and enter it beside this one.")
    value = f"{local(begins):%Y-%m-%d} – {local(ends):%Y-%m-%d}"
    return CheckResult(code=code, label=label, status=status, value=value, meaning=meaning, remedy=remedy)


def _check_owner(account: UnionpayAccount) -> CheckResult:
    """Some certificates are made out to a merchant ID; all merchants share those of the test environment."""
    name = common_name(account.signing_certificate)
    owner = OWNER.fullmatch("".join(name.split("@")[2:3]))
    if account.is_live and owner is not None and owner["mer_id"] != account.mer_id:
        return _fault(
            "signing_owner",
            OWNER_LABEL,
            value=name,
            meaning=_("The certificate is made out to another merchant ID."),
            remedy=_("Use the certificate of this merchant ID, or enter the ID that it is made out to."),
        )
    return _fine("signing_owner", OWNER_LABEL, name, _("It says nothing against this merchant ID."))


def _check_round_trip(account: UnionpayAccount) -> CheckResult:
    signer, signed = account.signer, string_to_sign(as_bytes(SAMPLE))
    made = sign(signed=signed, key=signer.key)
    if not is_signed(signed=signed, signature=made.encode(), key=signer.key.public_key()):
        return _fault(
            "round_trip",
            ROUND_TRIP_LABEL,
            value="",
            meaning=_("The key does not work."),
            remedy=_("Export the certificate with its private key again."),
        )
    return _fine("round_trip", ROUND_TRIP_LABEL, "", _("What this key signs, its public half verifies."))


def _of_unionpay(account: UnionpayAccount, *, at: datetime) -> list[CheckResult | None]:
    def check_times() -> CheckResult:
        both = account.middles, account.roots
        rows = [
            check_validity(code="ca_validity", label=AUTHORITY_LABEL, found=[it.certificate for it in found], at=at)
            for found in both
        ]
        return max(rows, key=lambda row: list(CheckStatus).index(row.status))

    return [_quietly(check_times), _quietly(lambda: _check_chain(account, at=at))]


def _check_chain(account: UnionpayAccount, *, at: datetime) -> CheckResult:
    """Every middle has a root that vouches for it, and each of them is in its own field."""
    roots, middles = account.roots, account.middles
    for root in roots:
        if not is_issued_by(certificate=root.certificate, issuer=root.certificate):
            return _broken(root, _("The root certificate is none: it did not sign itself as an authority."))
    for middle in middles:
        if is_issued_by(certificate=middle.certificate, issuer=middle.certificate):
            return _broken(middle, _("The middle certificate is a root certificate."))
        if not any(is_issued_by(certificate=middle.certificate, issuer=root.certificate) for root in roots):
            return _broken(middle, _("The root certificate here does not vouch for the middle certificate."))
    if not any(is_valid(middle.certificate, at=at) for middle in middles):
        return _broken(middles[0], _("No middle certificate is valid today."))
    return _fine("chain", CHAIN_LABEL, "", _("The root vouches for the middle certificate."))


def _broken(authority: Authority, meaning: str) -> CheckResult:
    return _fault(
        "chain",
        CHAIN_LABEL,
        value=common_name(authority.certificate),
        meaning=meaning,
        remedy=_("Take the middle and root certificates of this environment from UnionPay's development kit."),
    )


def _of_origin(account: UnionpayAccount) -> list[CheckResult | None]:
    return [_quietly(lambda: _check_origin(account))] if account.is_live else []


def _check_origin(account: UnionpayAccount) -> CheckResult:
    """CFCA's authorities of the test environment say so in their names."""
    known = {it.certificate for it in (*account.roots, *account.middles)} | {account.signing_certificate}
    tests = [it for it in known if TEST_ISSUER.search(it.issuer.rfc4514_string())]
    if tests:
        return _fault(
            "test_certificate",
            ORIGIN_LABEL,
            value=", ".join(sorted({common_name(it) for it in tests})),
            meaning=_("These certificates are of the test environment, and this account is live."),
            remedy=_("Take the live certificates: your own from CFCA, and UnionPay's from its development kit."),
        )
    return _fine("test_certificate", ORIGIN_LABEL, "", _("No certificate is of the test environment."))
