"""What Alipay's codes mean for each call. Where the meaning is open, the outcome is UNKNOWN, never FAILED."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from ..account import AccountField, ConfigError, Words
from ..event import Outcome
from .account import APP_CERT, APP_ID, PRIVATE_KEY, ROOT_CERT
from .answer import Answer

OK = "10000"
WAITING_FOR_BUYER = "10003"
GATEWAY_UNAVAILABLE = "20000"
BUSINESS_FAILURE = "40004"
REFUSED_REQUEST = ("40001", "40002")
REFUSED_ACCOUNT = ("20001", "40006")

NO_SUCH_TRADE = "ACQ.TRADE_NOT_EXIST"

TRADE_STATES = {
    "WAIT_BUYER_PAY": Outcome.PENDING,
    "TRADE_SUCCESS": Outcome.SUCCEEDED,
    "TRADE_FINISHED": Outcome.SUCCEEDED,  # it cannot be refunded any more
    "TRADE_CLOSED": Outcome.CLOSED,  # or fully refunded: whoever reads it looks for signs of payment first
}

UNSETTLED = frozenset(
    {"ACQ.SYSTEM_ERROR", "aop.ACQ.SYSTEM_ERROR", "aop.unknow-error", "aop.unknown-error", "SYSTEM_ERROR"}
)
UNSETTLED_PREFIX = "isp."

# What a signed business failure says, by call; a code in no table has the call's default.
CREATE_FAILURES = {
    "ACQ.TRADE_HAS_SUCCESS": Outcome.UNKNOWN,  # it was paid: a query brings the money
    "ACQ.TRADE_HAS_FINISHED": Outcome.UNKNOWN,
    "ACQ.TRADE_HAS_CLOSE": Outcome.CLOSED,
}
QUERY_FAILURES = {NO_SUCH_TRADE: Outcome.NOT_FOUND}
CLOSE_FAILURES = {
    NO_SUCH_TRADE: Outcome.NOT_FOUND,
    "ACQ.TRADE_HAS_CLOSE": Outcome.CLOSED,
}  # not TRADE_STATUS_ERROR: it was paid, or closed, or refunded; a query tells
REFUND_FAILURES = {
    "ACQ.DISCORDANT_REPEAT_REQUEST": Outcome.UNKNOWN,  # a refund of another amount has this number
    "ACQ.TRADE_STATUS_ERROR": Outcome.UNKNOWN,
}
REFUND_QUERY_FAILURES = {NO_SUCH_TRADE: Outcome.NOT_FOUND, "ACQ.REFUND_NOT_EXIST": Outcome.NOT_FOUND}


class AccountRefused(ConfigError):
    text = _("Alipay refuses this account (%(code)s %(words)s). %(remedy)s")


class _Fault(NamedTuple):
    field: str
    label: Words
    remedy: Words


def _of(field: AccountField, remedy: Words) -> _Fault:
    return _Fault(field.code, field.label, remedy)


_KEY = _of(
    PRIVATE_KEY,
    _("Upload the public half of this private key to this application on open.alipay.com, as RSA2."),
)
_APP = _of(APP_ID, _("Compare the app ID with open.alipay.com, and whether it is a live or a sandbox one."))
_CERT = _of(APP_CERT, _("Upload the application certificate again from open.alipay.com, as it was downloaded."))
_ROOT = _of(ROOT_CERT, _("Download alipayRootCert.crt again, and change nothing in it."))
_CLOCK = _Fault("clock", _("Clock"), _("Set the clock of this server right."))
_CONTRACT = _Fault("contract", _("Contract"), _("Sign up for this product on open.alipay.com."))

ACCOUNT_FAULTS = {
    "isv.invalid-signature": _KEY,
    "isv.missing-signature": _KEY,
    "isv.missing-signature-key": _KEY,
    "isv.missing-signature-config": _KEY,
    "isv.invalid-signature-type": _KEY,
    "isv.missing-app-id": _APP,
    "isv.invalid-app-id": _APP,
    "isv.app-not-exist": _APP,
    "isv.missing-app-cert-sn": _CERT,
    "isv.invalid-app-cert-sn": _CERT,
    "isv.missing-alipay-root-cert-sn": _ROOT,
    "isv.invalid-alipay-root-cert-sn": _ROOT,
    "isv.invalid-timestamp": _CLOCK,
    "isv.missing-timestamp": _CLOCK,
    "isv.insufficient-isv-permissions": _CONTRACT,
    "isv.insufficient-user-permissions": _CONTRACT,
    "ACQ.ACCESS_FORBIDDEN": _CONTRACT,
}


def refuse_wrong_account(answer: Answer) -> None:
    """
    Alipay turned down whoever asked, before it looked at what was asked: signed or not, nothing was carried out.

    :raises AccountRefused: naming the field at fault
    """
    fault = ACCOUNT_FAULTS.get(answer.code)
    if fault is None and answer.status in REFUSED_ACCOUNT:
        fault = _CONTRACT
    if fault is not None:
        raise AccountRefused(
            field=fault.field, label=fault.label, code=answer.code, words=answer.words, remedy=fault.remedy
        )


def failure(answer: Answer, *, table: Mapping[str, Outcome], default: Outcome) -> Outcome:
    """
    The outcome of an answer that is no success.

    :param default: of a business failure that the table does not name, and of a request refused as badly made
    """
    if not answer.trusted or answer.code in UNSETTLED or answer.code.startswith(UNSETTLED_PREFIX):
        return Outcome.UNKNOWN
    if answer.status == WAITING_FOR_BUYER:
        return Outcome.PENDING
    if answer.status == BUSINESS_FAILURE:
        return table.get(answer.code, default)
    return default if answer.status in REFUSED_REQUEST else Outcome.UNKNOWN
