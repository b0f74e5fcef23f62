"""What WeChat Pay's codes mean for each call. Where the meaning is open, the outcome is UNKNOWN, never FAILED."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from ..account import AccountField, ConfigError, Words
from ..event import Outcome
from .answer import Answer
from .fields import APPID, MCHID, PRIVATE_KEY, SERIAL_NO

NO_SUCH_ORDER = frozenset({"ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"})
UNCLEAR_REQUEST = "INVALID_REQUEST"  # says no more than that: a number used before, or a rule broken
NO_STATEMENT = "NO_STATEMENT_EXIST"
STATEMENT_NOT_YET = "STATEMENT_CREATING"

TRADE_STATES = {
    "SUCCESS": Outcome.SUCCEEDED,
    "REFUND": Outcome.SUCCEEDED,  # it was paid; how much of it went back only its refunds tell
    "NOTPAY": Outcome.PENDING,
    "USERPAYING": Outcome.PENDING,
    "ACCEPT": Outcome.PENDING,
    "PAYERROR": Outcome.FAILED,
    "CLOSED": Outcome.CLOSED,
    "REVOKED": Outcome.CLOSED,
}
REFUND_STATES = {
    "SUCCESS": Outcome.SUCCEEDED,
    "PROCESSING": Outcome.PENDING,
    "CLOSED": Outcome.CLOSED,
    "ABNORMAL": Outcome.REQUIRES_ACTION,  # the payer's card or account does not take it
}

# What a signed refusal says, by call; a code in no table has the call's default.
UNSETTLED = dict.fromkeys(
    ("SYSTEM_ERROR", "SYSTEMERROR", "BANK_ERROR", "BANKERROR", "FREQUENCY_LIMITED", "RATELIMIT_EXCEEDED"),
    Outcome.UNKNOWN,
)
CREATE_FAILURES = UNSETTLED | {
    "ORDERPAID": Outcome.UNKNOWN,  # it was paid: a query brings the money
    "ORDER_PAID": Outcome.UNKNOWN,
    "OUT_TRADE_NO_USED": Outcome.UNKNOWN,
    "ORDER_CLOSED": Outcome.CLOSED,
    "ORDERCLOSED": Outcome.CLOSED,
    UNCLEAR_REQUEST: Outcome.UNKNOWN,
}
QUERY_FAILURES = dict.fromkeys(NO_SUCH_ORDER, Outcome.NOT_FOUND)
CLOSE_FAILURES = QUERY_FAILURES | {
    "ORDER_CLOSED": Outcome.CLOSED,
    "ORDERCLOSED": Outcome.CLOSED,
}  # not ORDERPAID: it was paid, and a query brings the money
REFUND_FAILURES = UNSETTLED | {
    UNCLEAR_REQUEST: Outcome.UNKNOWN,
    "BIZERR_NEED_RETRY": Outcome.UNKNOWN,
    "TRADE_STATE_ERROR": Outcome.UNKNOWN,
}
REFUND_QUERY_FAILURES = QUERY_FAILURES | {"REFUND_NOT_EXIST": Outcome.NOT_FOUND, "REFUNDNOTEXIST": Outcome.NOT_FOUND}

CLOCK_SLACK_SECONDS = 240
SERIAL_WORDS = re.compile(r"序列号有误|serial_no|serial number", re.IGNORECASE)
REFUSALS = range(400, 500)
BUSY = 429


class AccountRefused(ConfigError):
    text = _("WeChat Pay refuses this account (%(code)s %(words)s). %(remedy)s")


class _Fault(NamedTuple):
    field: str
    label: Words
    remedy: Words


def _of(field: AccountField, remedy: Words) -> _Fault:
    return _Fault(field.code, field.label, remedy)


_KEY = _of(
    PRIVATE_KEY,
    _(
        "Take apiclient_key.pem and the serial number of the same merchant certificate, and look on "
        "pay.weixin.qq.com whether that certificate is still valid."
    ),
)
_SERIAL = _of(SERIAL_NO, _("Compare the serial number of the merchant certificate with the one on pay.weixin.qq.com."))
_APP = _of(APPID, _("Bind this app ID to the merchant ID on pay.weixin.qq.com, or enter the one that is bound."))
_MERCHANT = _of(MCHID, _("Compare the merchant ID with pay.weixin.qq.com."))
_CLOCK = _Fault("clock", _("Clock"), _("Set the clock of this server right."))
_CONTRACT = _Fault("contract", _("Contract"), _("Sign up for this product on pay.weixin.qq.com."))

ACCOUNT_FAULTS = {
    "SIGN_ERROR": _KEY,
    "NO_AUTH": _CONTRACT,
    "NOAUTH": _CONTRACT,
    "APPID_MCHID_NOT_MATCH": _APP,
    "APPID_NOT_EXIST": _APP,
    "MCHID_NOT_EXIST": _MERCHANT,
    "MCH_NOT_EXISTS": _MERCHANT,
}


def refuse_wrong_account(answer: Answer, *, at: datetime) -> None:
    """
    WeChat Pay turned down whoever asked, before it looked at what was asked: signed or not, nothing was carried out.

    :raises AccountRefused: naming the field at fault
    """
    fault = ACCOUNT_FAULTS.get(answer.native_code) if answer.status in REFUSALS else None
    if fault is None and answer.status != 401:
        return
    fault = fault or _KEY
    if fault is _KEY:
        fault = _blame(answer, at=at)
    raise AccountRefused(
        field=fault.field, label=fault.label, code=answer.native_code, words=answer.words, remedy=fault.remedy
    )


def failure(answer: Answer, *, table: Mapping[str, Outcome], default: Outcome) -> Outcome:
    """
    The outcome of an answer that is no success.

    :param default: of a signed refusal that the table does not name
    """
    if not answer.trusted or answer.status not in REFUSALS or answer.status == BUSY:
        return Outcome.UNKNOWN
    return table.get(answer.native_code, default)


def _blame(answer: Answer, *, at: datetime) -> _Fault:
    """A signature fails for the key, for the number it goes by, or for the time in it."""
    if answer.server_time is not None and abs((at - answer.server_time).total_seconds()) > CLOCK_SLACK_SECONDS:
        return _CLOCK
    return _SERIAL if SERIAL_WORDS.search(answer.words) else _KEY
