from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from secrets import token_hex

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..account import ADDRESS_LABEL, AccountField, ConfigError, Environment, Words
from ..checks import CheckResult, CheckStatus, check_notify_url, refused
from ..dates import http_date
from ..keys import fingerprint
from .account import ALIPAY_PUBLIC_KEY, APP_ID, PRIVATE_KEY, SELLER_ID, AlipayAccount
from .answer import BAD_SIGNATURE, UNKNOWN_KEY, Answer
from .certificate_checks import check_certificates
from .client import AlipayClient, beijing_text
from .codes import NO_SUCH_TRADE
from .signature import is_signed, sign

SANDBOX_APP_IDS = ("9021", "2021000")
SAMPLE = "app_id=2021001234567890&charset=utf-8&subject=商品 A+B".encode()
CLOCK_WARNING_SECONDS = 60
CLOCK_ERROR_SECONDS = 240

ROUND_TRIP_LABEL = gettext_lazy("Signature round trip")
LIVE_CALL_LABEL = gettext_lazy("Question to Alipay")
CLOCK_LABEL = gettext_lazy("Clock")
TIME_ZONE_LABEL = gettext_lazy("Time zone")


def check_account(*, account: AlipayAccount, notify_url: str, at: datetime) -> list[CheckResult]:
    """All that can be told without asking Alipay."""
    checks = [
        _attempt("base_url", ADDRESS_LABEL, lambda: _check_address(account)),
        _attempt(APP_ID.code, APP_ID.label, lambda: _check_app_id(account)),
        _attempt(SELLER_ID.code, SELLER_ID.label, lambda: _check_seller_id(account)),
        _attempt(PRIVATE_KEY.code, PRIVATE_KEY.label, lambda: _check_key(PRIVATE_KEY, account.private_key)),
        *(check_certificates(account=account, at=at) if account.uses_certificates else [_check_platform_keys(account)]),
        _attempt("round_trip", ROUND_TRIP_LABEL, lambda: _check_round_trip(account)),
        _check_time_zone(at),
    ]
    where = Environment.LIVE if account.is_live else Environment.SANDBOX
    return checks + ([check_notify_url(url=notify_url, environment=where)] if notify_url else [])


def check_online(*, client: AlipayClient) -> list[CheckResult]:
    """Ask about a payment that nobody made: "there is none", signed, proves both keys and the account."""
    question = {"out_trade_no": f"SELFCHECK{token_hex(8)}"}
    try:
        answer = client.call(method="alipay.trade.query", content=question)
    except ConfigError as error:
        return [refused(code="online", label=LIVE_CALL_LABEL, error=error)]
    return [_judge_answer(answer)]


def _attempt(code: str, label: Words, check: Callable[[], CheckResult]) -> CheckResult:
    try:
        return check()
    except ConfigError as error:
        return refused(code=code, label=label, error=error)


def _check_address(account: AlipayAccount) -> CheckResult:
    return CheckResult(code="base_url", label=ADDRESS_LABEL, value=account.address, meaning=_("Requests go here."))


def _check_app_id(account: AlipayAccount) -> CheckResult:
    app_id = account.app_id
    if account.is_live and app_id.startswith(SANDBOX_APP_IDS):
        return CheckResult(
            code=APP_ID.code,
            label=APP_ID.label,
            status=CheckStatus.WARNING,
            value=app_id,
            meaning=_("It looks like the ID of a sandbox application, and this account is live."),
            remedy=_("Take the ID, the keys and the merchant ID of the live application."),
        )
    return CheckResult(code=APP_ID.code, label=APP_ID.label, value=app_id, meaning=_("It has the form of an app ID."))


def _check_seller_id(account: AlipayAccount) -> CheckResult:
    return CheckResult(
        code=SELLER_ID.code,
        label=SELLER_ID.label,
        value=account.seller_id,
        meaning=_("Notifications for another merchant are refused."),
    )


def _check_platform_keys(account: AlipayAccount) -> CheckResult:
    """Of several that are alive, each must be Alipay's."""

    def check() -> CheckResult:
        keys = account.platform_keys
        shown = "; ".join(f"RSA {one.key.key_size}, {fingerprint(one.key)}" for one in keys)
        return replace(_check_key(ALIPAY_PUBLIC_KEY, keys[0].key), value=shown)

    return _attempt(ALIPAY_PUBLIC_KEY.code, ALIPAY_PUBLIC_KEY.label, check)


def _check_key(field: AccountField, key: RSAPrivateKey | RSAPublicKey) -> CheckResult:
    return CheckResult(
        code=field.code,
        label=field.label,
        value=f"RSA {key.key_size}, {fingerprint(key)}",
        meaning=_("The key can be read and is long enough."),
    )


def _check_round_trip(account: AlipayAccount) -> CheckResult:
    key = account.private_key
    fits = is_signed(signed=SAMPLE, signature=sign(signed=SAMPLE, key=key), key=key.public_key())
    return CheckResult(
        code="round_trip",
        label=ROUND_TRIP_LABEL,
        status=CheckStatus.OK if fits else CheckStatus.ERROR,
        meaning=_("What this key signs, its public half verifies.") if fits else _("The key does not work."),
        remedy="" if fits else _("Make a new key pair (RSA2, 2048 bits)."),
    )


def _judge_answer(answer: Answer) -> CheckResult:
    status, meaning, remedy = _read_answer(answer)
    value = f"{answer.code} {answer.words}".strip()
    return CheckResult(code="online", label=LIVE_CALL_LABEL, status=status, value=value, meaning=meaning, remedy=remedy)


def _read_answer(answer: Answer) -> tuple[CheckStatus, str, str]:
    if answer.trusted and answer.code == NO_SUCH_TRADE:
        return CheckStatus.OK, _("Alipay knows this account, and both signatures fit."), ""
    if answer.fault == BAD_SIGNATURE:
        return (
            CheckStatus.ERROR,
            _("Alipay answered, but the Alipay public key of this account does not fit its signature."),
            _("Copy Alipay's public key again from open.alipay.com."),
        )
    if answer.fault == UNKNOWN_KEY:
        return (
            CheckStatus.ERROR,
            _("Alipay signs with the certificate %(serial)s, which this account does not have.")
            % {"serial": answer.serial},
            _("Fetch Alipay's new certificate, or upload alipayCertPublicKey_RSA2.crt again from open.alipay.com."),
        )
    if answer.fault.startswith(("transport.", "http.")):
        return (
            CheckStatus.ERROR,
            _("Alipay cannot be reached from this server."),
            _("Check the gateway address, the network and the firewall."),
        )
    return CheckStatus.WARNING, _("Alipay gave no clear answer."), _("Try again in a minute.")


def check_clock(*, heard: tuple[str, datetime] | None) -> list[CheckResult]:
    """
    Against the Date of the last answer that Alipay signed; there is no row where none came, or without a Date.

    :param heard: the Date header, and when it came by our own clock
    """
    told = http_date(heard[0]) if heard else None
    if heard is None or told is None:
        return []
    seconds = abs((heard[1] - told).total_seconds())
    status = CheckStatus.OK
    if seconds > CLOCK_WARNING_SECONDS:
        status = CheckStatus.ERROR if seconds > CLOCK_ERROR_SECONDS else CheckStatus.WARNING
    return [
        CheckResult(
            code="clock",
            label=CLOCK_LABEL,
            status=status,
            value=f"{seconds:.0f} s",
            meaning=_("How far the clock of this server is from Alipay's."),
            remedy="" if status is CheckStatus.OK else _("Set the clock of this server right."),
        )
    ]


def _check_time_zone(at: datetime) -> CheckResult:
    """Alipay takes every time for Beijing's, wherever the server stands and whatever TZ says."""
    written = beijing_text(at)
    fits = written == f"{at.astimezone(timezone(timedelta(hours=8))):%Y-%m-%d %H:%M:%S}"
    return CheckResult(
        code="time_zone",
        label=TIME_ZONE_LABEL,
        status=CheckStatus.OK if fits else CheckStatus.ERROR,
        value=written,
        meaning=_("Requests carry Beijing time.") if fits else _("Requests do not carry Beijing time."),
        remedy="" if fits else _("Set TIME_ZONE to Asia/Shanghai."),
    )
