"""What asking UnionPay tells about an account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from secrets import token_hex

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..account import ConfigError
from ..checks import CheckResult, CheckStatus, refused
from ..dates import http_date
from .answer import UNTRUSTED, Answer
from .client import QUERY, UnionpayClient
from .codes import NOT_FOUND
from .trades import query_content

CLOCK_WARNING_SECONDS = 60
CLOCK_ERROR_SECONDS = 240

LIVE_CALL_LABEL = gettext_lazy("Question to UnionPay")
CLOCK_LABEL = gettext_lazy("Clock")


def check_online(*, client: UnionpayClient, clock: Callable[[], datetime]) -> list[CheckResult]:
    """Ask about a payment that nobody made: "there is none", signed, proves both keys and the account."""
    question = query_content(number=f"SELFCHECK{token_hex(8)}", sent_at=clock())
    try:
        answer = client.call(family=QUERY, content=question)
    except ConfigError as error:
        return [refused(code="online", label=LIVE_CALL_LABEL, error=error)]
    return [_judge_answer(answer), *_check_clock(answer, at=clock())]


def _judge_answer(answer: Answer) -> CheckResult:
    status, meaning, remedy = _read_answer(answer)
    value = f"{answer.code} {answer.words}".strip()
    return CheckResult(code="online", label=LIVE_CALL_LABEL, status=status, value=value, meaning=meaning, remedy=remedy)


def _read_answer(answer: Answer) -> tuple[CheckStatus, str, str]:
    if answer.trusted and answer.status == NOT_FOUND:
        return CheckStatus.OK, _("UnionPay knows this account, and both signatures fit."), ""
    if answer.fault in UNTRUSTED.values():
        return CheckStatus.ERROR, _distrust(answer), _remedy(answer)
    if answer.fault.startswith(("transport.", "http.")):
        return (
            CheckStatus.ERROR,
            _("UnionPay cannot be reached from this server."),
            _("Check the gateway address, the network and the firewall."),
        )
    return CheckStatus.WARNING, _("UnionPay gave no clear answer."), _("Try again in a minute.")


def _distrust(answer: Answer) -> str:
    if answer.fault == UNTRUSTED["chain"]:
        return _("UnionPay answered with a certificate that the middle and root certificates here do not vouch for.")
    if answer.fault == UNTRUSTED["expired"]:
        return _("A certificate in the chain of UnionPay's answer is not valid today.")
    if answer.fault == UNTRUSTED["certificate"]:
        return _("The answer came with a certificate that is not UnionPay's.")
    return _("The signature of the answer does not fit its text.")


def _remedy(answer: Answer) -> str:
    if answer.fault in (UNTRUSTED["chain"], UNTRUSTED["expired"]):
        return _("Take the middle and root certificates of this environment from UnionPay's development kit.")
    return _("Check the gateway address, and that nothing on the way changes the answers.")


def _check_clock(answer: Answer, *, at: datetime) -> list[CheckResult]:
    """Against the Date header; there is no row where UnionPay sent none."""
    told = http_date(answer.server_date)
    if told is None:
        return []
    seconds = abs((at - told).total_seconds())
    status = CheckStatus.OK
    if seconds > CLOCK_WARNING_SECONDS:
        status = CheckStatus.ERROR if seconds > CLOCK_ERROR_SECONDS else CheckStatus.WARNING
    return [
        CheckResult(
            code="clock",
            label=CLOCK_LABEL,
            status=status,
            value=f"{seconds:.0f} s",
            meaning=_("How far the clock of this server is from UnionPay's."),
            remedy="" if status is CheckStatus.OK else _("Set the clock of this server right."),
        )
    ]
