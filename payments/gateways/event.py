from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from .fields import make_storable

TEXTS = (
    *("event_key", "payment_no", "refund_no", "gateway_trade_no", "currency"),
    *("payer_ref", "native_state", "code", "message"),
)
KEY_LENGTH = 128  # the widest event key; of a longer one, its hash stands


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    PENDING = "pending"
    FAILED = "failed"
    CLOSED = "closed"
    REQUIRES_ACTION = "requires_action"  # of a refund: it cannot reach the payer, and staff must say where it goes
    NOT_FOUND = "not_found"  # of a payment: not yet, for it may still be scanned; of a refund: send it again
    UNKNOWN = "unknown"  # a time-out, a 5xx, an answer badly signed: ask again, never assume


class EventKind(StrEnum):
    PAYMENT = "payment"
    REFUND = "refund"
    CLOSE = "close"
    PROBE = "probe"  # the gateway tests whether we check signatures: refuse, raise no alarm
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayEvent:
    """
    What a gateway told us, unasked or in answer to a query, in our own words: its vocabulary ends here.

    :param event_key: the same for every resend of one fact; unique per account in the inbox; empty on answers
    :param claims: whose account it says it is, under the gateway's names (mchid, app_id, seller_id, merId)
    :param payment_no: as the gateway wrote it: up to 64 characters, and not always one of ours
    :param gateway_trade_no: never empty where money moved
    :param amount_fen: of the payment, or of this one refund; 0 where the gateway did not say: a notification of
        an Alipay refund tells only the running total
    :param refunded_total_fen: all that went back to the payer so far, this refund included; None if not told
    :param native_state: the gateway's own word for the state
    :param code: the gateway's own code; ours begin with `local.`, `http.`, `transport.` or `answer.`
    :param message: the gateway's own words, for staff
    :param raw: the bytes it came in, for the record
    :param key_serial: of the key or certificate it is signed with, where a notification names one
    """

    kind: EventKind
    event_key: str = ""
    claims: Mapping[str, str] = field(default_factory=dict)
    payment_no: str = ""
    refund_no: str = ""
    gateway_trade_no: str = ""
    amount_fen: int = 0
    refunded_total_fen: int | None = None
    currency: str = "CNY"
    outcome: Outcome = Outcome.UNKNOWN
    occurred_at: datetime | None = None
    payer_ref: str = ""
    native_state: str = ""
    code: str = ""
    message: str = ""
    raw: bytes = field(default=b"", repr=False)
    key_serial: str = ""

    def __post_init__(self) -> None:
        make_storable(self, *TEXTS)


def not_sent(*, kind: EventKind, payment_no: str, words: str, refund_no: str = "") -> GatewayEvent:
    """What a gateway would refuse is not sent: nothing came of it, so it failed for certain."""
    return GatewayEvent(
        kind=kind,
        payment_no=payment_no,
        refund_no=refund_no,
        outcome=Outcome.FAILED,
        code="local.not_sent",
        message=words,
    )


def fact_key(*facts: object) -> str:
    """The event key of a fact, never wider than `KEY_LENGTH`. Its parts are what is told, not how it came."""
    key = ":".join(str(fact) for fact in facts)
    if len(key) <= KEY_LENGTH and key.isprintable():  # not every database stores a NUL
        return key
    return f"{facts[0]}:{sha256(key.encode(errors='surrogatepass')).hexdigest()}"
