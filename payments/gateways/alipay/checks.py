from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from secrets import token_hex

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..account import ADDRESS_LABEL, AccountField, ConfigError, Environment, Words
from ..checks import CheckResult, CheckStatus, check_notify_url, refused
from ..keys import fingerprint
from .account import ALIPAY_PUBLIC_KEY, APP_ID, PRIVATE_KEY, SELLER_ID, AlipayAccount
from .answer import BAD_SIGNATURE, Answer
from .client import AlipayClient
from .codes import NO_SUCH_TRADE
from .signature import is_signed, sign

SANDBOX_APP_IDS = ("9021", "2021000")
SAMPLE = "app_id=2021001234567890&charset=utf-8&subject=商品 A+B".encode()
CLOCK_WARNING_SECONDS = 60
CLOCK_ERROR_SECONDS = 240

ROUND_TRIP_LABEL = gettext_lazy("Signature round trip")
LIVE_CALL_LABEL = gettext_lazy("Question to Alipay")
CLOCK_LABEL = gettext_lazy("Clock")


def check_account(*, account: AlipayAccount, environment: Environment, notify_url: str) -> list[CheckResult]:
    """All that can be told without asking Alipay."""
    checks = [
        _attempt("base_url", ADDRESS_LABEL, lambda: _check_address(account)),
        _attempt(APP_ID.code, APP_ID.label, lambda: _check_app_id(account, environment)),
        _attempt(SELLER_ID.code, SELLER_ID.label, lambda: _check_seller_id(account)),
        _attempt(PRIVATE_KEY.code, PRIVATE_KEY.label, lambda: _check_key(PRIVATE_KEY, account.private_key)),
        _attempt(
            ALIPAY_PUBLIC_KEY.code,
            ALIPAY_PUBLIC_KEY.label,
            lambda: _check_key(ALIPAY_PUBLIC_KEY, account.alipay_key),
        ),
        _attempt("round_trip", ROUND_TRIP_LABEL, lambda: _check_round_trip(account)),
    ]
    return checks + ([check_notify_url(url=notify_url, environment=environment)] if notify_url else [])


def check_online(*, client: AlipayClient, clock: Callable[[], datetime]) -> list[CheckResult]:
    """Ask about a payment that nobody made: "there is none", signed, proves both keys and the account."""
    question = {"out_trade_no": f"SELFCHECK{token_hex(8)}"}
    try:
        answer = client.call(method="alipay.trade.query", content=question)
    except ConfigError as error:
        return [refused(code="online", label=LIVE_CALL_LABEL, error=error)]
    return [_judge_answer(answer), *_check_clock(answer, at=clock())]


def _attempt(code: str, label: Words, check: Callable[[], CheckResult]) -> CheckResult:
    try:
        return check()
    except ConfigError as error:
        return refused(code=code, label=label, error=error)


def _check_address(account: AlipayAccount) -> CheckResult:
    return CheckResult(code="base_url", label=ADDRESS_LABEL, value=account.address, meaning=_("Requests go here."))


def _check_app_id(account: AlipayAccount, environment: Environment) -> CheckResult:
    app_id = account.app_id
    if environment is Environment.LIVE and app_id.startswith(SANDBOX_APP_IDS):
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
    if answer.fault.startswith(("transport.", "http.")):
        return (
            CheckStatus.ERROR,
            _("Alipay cannot be reached from this server."),
            _("Check the gateway address, the network and the firewall."),
        )
    return CheckStatus.WARNING, _("Alipay gave no clear answer."), _("Try again in a minute.")


def _check_clock(answer: Answer, *, at: datetime) -> list[CheckResult]:
    """Against the Date header; there is no row where Alipay sent none."""
    try:
        seconds = abs((at - parsedate_to_datetime(answer.server_date)).total_seconds())
    except (TypeError, ValueError):
        return []
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
