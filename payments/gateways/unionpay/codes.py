"""What UnionPay's codes mean. Where the meaning is open, the outcome is UNKNOWN, never FAILED."""

from __future__ import annotations

import re

from django.utils.translation import gettext_lazy as _

from ..account import AccountField, ConfigError, Words
from ..event import Outcome
from .answer import Answer
from .fields import MER_ID

OK = "00"
PAID = frozenset({OK, "A6"})  # A6: paid, and settled in part so far
IN_PROGRESS = frozenset({"03", "04", "05"})
NOT_FOUND = "34"
BAD_SIGNATURE, DUPLICATE, NO_FILE = "11", "12", "98"

# Codes of two digits from 10 on, and 01, say that nothing was done; of these, the meaning is open:
OPEN = frozenset({DUPLICATE, "37", "42", NO_FILE, "99"})  # 37 asked too often, 42 taken too late
CERTAIN = re.compile(r"01|[1-9][0-9]")


class AccountRefused(ConfigError):
    text = _("UnionPay refuses this account (%(code)s %(words)s). %(remedy)s")


MERCHANT_REFUSED: dict[str, Words] = {
    "31": _("Compare the merchant ID with your contract, and ask UnionPay (95516) whether it is active."),
    "32": _("Ask UnionPay (95516) to open this product for your merchant ID, or do not offer it."),
}


def refuse_wrong_account(answer: Answer, *, signed_by: AccountField) -> None:
    """
    UnionPay turned down whoever asked, before it looked at what was asked: signed or not, nothing was carried out.

    :raises AccountRefused: naming the field at fault
    """
    if answer.fault:
        return
    if answer.status == BAD_SIGNATURE:
        remedy: Words = _("UnionPay does not know this signing certificate, or knows another for this merchant ID.")
        raise _refused(answer, field=signed_by, remedy=remedy)
    if answer.status in MERCHANT_REFUSED:
        raise _refused(answer, field=MER_ID, remedy=MERCHANT_REFUSED[answer.status])


def _refused(answer: Answer, *, field: AccountField, remedy: Words) -> AccountRefused:
    return AccountRefused(field=field.code, label=field.label, code=answer.status, words=answer.words, remedy=remedy)


def outcome_of(code: str) -> Outcome:
    """Of a transaction, by `origRespCode` or by the `respCode` of a notification."""
    if code in PAID:
        return Outcome.SUCCEEDED
    if code in IN_PROGRESS:
        return Outcome.PENDING
    return refusal_of(code)


def refusal_of(code: str) -> Outcome:
    """Of a request that was not accepted."""
    return Outcome.FAILED if CERTAIN.fullmatch(code) and code not in OPEN else Outcome.UNKNOWN
