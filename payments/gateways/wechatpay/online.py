"""Asking WeChat Pay itself: about a payment that nobody made. "There is none", signed, proves all keys but one."""

from __future__ import annotations

from datetime import datetime
from secrets import token_hex

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..account import ConfigError
from ..base import Clock
from ..checks import CheckResult, CheckStatus, refused
from .account import WechatpayAccount
from .answer import BAD_SIGNATURE, STALE, UNKNOWN_KEY, Answer
from .client import WechatpayClient
from .codes import NO_SUCH_ORDER
from .trades import query_path

CLOCK_WARNING_SECONDS = 60
CLOCK_ERROR_SECONDS = 240

LIVE_CALL_LABEL = gettext_lazy("Question to WeChat Pay")
CLOCK_LABEL = gettext_lazy("Clock")

Judgement = tuple[CheckStatus, str, str]


def check_online(*, client: WechatpayClient, account: WechatpayAccount, clock: Clock) -> list[CheckResult]:
    try:
        path = query_path(f"SELFCHECK{token_hex(8)}", mchid=account.mchid)
        answer = client.get(path, api="self_check")
    except ConfigError as error:
        return [refused(code="online", label=LIVE_CALL_LABEL, error=error)]
    return [_judge_answer(answer), *_check_clock(answer, at=clock())]


def _judge_answer(answer: Answer) -> CheckResult:
    status, meaning, remedy = _read(answer)
    value = f"{answer.code} {answer.words}".strip()
    return CheckResult(code="online", label=LIVE_CALL_LABEL, status=status, value=value, meaning=meaning, remedy=remedy)


def _read(answer: Answer) -> Judgement:
    if answer.trusted and answer.native_code in NO_SUCH_ORDER:
        return CheckStatus.OK, _("WeChat Pay knows this account, and both signatures fit."), ""
    if answer.fault in _FAULTS:
        meaning, remedy = _FAULTS[answer.fault]
        return CheckStatus.ERROR, str(meaning), str(remedy)
    if answer.fault.startswith("transport."):
        return (
            CheckStatus.ERROR,
            _("WeChat Pay cannot be reached from this server."),
            _("Check the gateway address, the network and the firewall."),
        )
    return CheckStatus.WARNING, _("WeChat Pay gave no clear answer."), _("Try again in a minute.")


_FAULTS = {
    BAD_SIGNATURE: (
        gettext_lazy("WeChat Pay answered, but its key in this account does not fit its signature."),
        gettext_lazy("Download WeChat Pay's public key again, and compare its ID with pay.weixin.qq.com."),
    ),
    UNKNOWN_KEY: (
        gettext_lazy("WeChat Pay answered under a key that this account does not have."),
        gettext_lazy("Compare the public key ID with pay.weixin.qq.com, or fetch the platform certificates."),
    ),
    STALE: (
        gettext_lazy("WeChat Pay answered, and by this server's clock it did so minutes ago or has not yet."),
        gettext_lazy("Set the clock of this server right."),
    ),
}


def _check_clock(answer: Answer, *, at: datetime) -> list[CheckResult]:
    """There is no row where WeChat Pay told no time."""
    if answer.server_time is None:
        return []
    seconds = abs((at - answer.server_time).total_seconds())
    status = CheckStatus.OK
    if seconds > CLOCK_WARNING_SECONDS:
        status = CheckStatus.ERROR if seconds > CLOCK_ERROR_SECONDS else CheckStatus.WARNING
    return [
        CheckResult(
            code="clock",
            label=CLOCK_LABEL,
            status=status,
            value=f"{seconds:.0f} s",
            meaning=_("How far the clock of this server is from WeChat Pay's."),
            remedy="" if status is CheckStatus.OK else _("Set the clock of this server right."),
        )
    ]
