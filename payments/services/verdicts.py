"""What the notification log says of each check of a message: codes in the rows, for which the admin has words."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from ..gateways import Capabilities
from ..models import Payment, UnappliedMoney

OK = "ok"
Reason = UnappliedMoney.Reason
FAULT_OF: Mapping[str, str] = {  # the check that money in suspense failed
    Reason.PAYMENT_NOT_FOUND: "order",
    Reason.ORDER_CLOSED: "order",
    Reason.ALREADY_PAID: "order",
    Reason.OTHER_AMOUNT: "amount",
    Reason.OTHER_CURRENCY: "currency",
}
BEFORE, AFTER = ("signature", "time", "account"), ("order", "amount", "currency")  # the row is stored


class Result(StrEnum):
    """What became of a message; of one about a payment without money, the state of the payment stands here."""

    TOLD_BEFORE = "told_before"
    UNAPPLIED = "unapplied"
    PARKED = "parked"
    GIVEN_UP = "given_up"
    NOT_OURS = "not_ours"
    IGNORED = "ignored"
    REFUND_ASKED = "refund_asked"
    REFUND_EXTERNAL = "refund_external"


class Refusal(StrEnum):
    """Why a message is not stored."""

    FORGED = "forged"
    STALE = "stale"
    OTHER_ACCOUNT = "other_account"
    UNKNOWN_KEY = "unknown_key"
    UNREADABLE = "unreadable"


def every_verdict() -> set[tuple[str, str]]:
    """All that can stand in the log of a stored message, by check. News of any kind move an attempt on from created."""
    fine = {(check, OK) for check in (*BEFORE, *AFTER)}
    wrong = {(check, str(reason)) for reason, check in FAULT_OF.items()}
    results = {*map(str, Result), *Payment.Status.values} - {Payment.Status.CREATED.value}
    return fine | wrong | {("result", it) for it in results}


def proved(capabilities: Capabilities) -> dict[str, str]:
    """The verdicts on a message that may be stored: what was looked at before anything was believed."""
    looked_at = {"signature": OK, "account": OK}
    return looked_at | {"time": OK} if capabilities.signs_time else looked_at


def fitting(result: str) -> dict[str, str]:
    """The verdicts on a message that fits its order."""
    return dict.fromkeys(AFTER, OK) | {"result": result}


def misfitting(reason: str) -> dict[str, str]:
    """The verdicts on money that fits no open order."""
    return fitting(Result.UNAPPLIED) | {FAULT_OF[reason]: reason}
