"""A refund that came back as ABNORMAL: sent to a card of the payer's, or to the merchant's own account."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA1

from ..calls import RefundDetour
from ..event import GatewayEvent, Outcome
from ..fields import text
from .answer import Answer
from .codes import UNCLEAR_REQUEST, UNSETTLED, failure
from .platform import PlatformKey
from .refunds import REFUNDS_PATH, read_refund_queried

DETOUR_FAILURES = UNSETTLED | {UNCLEAR_REQUEST: Outcome.UNKNOWN}  # it may be on its way already: a query tells


def detour_path(queried: Answer) -> str:
    """
    :raises ValueError: if the answer names no refund of WeChat Pay's, or KeyError
    """
    refund_id = text(queried.content["refund_id"])
    if not refund_id.isalnum():
        raise ValueError("no number of a refund")
    return f"{REFUNDS_PATH}/{refund_id}/apply-abnormal-refund"


def detour_content(detour: RefundDetour, *, key: PlatformKey) -> dict[str, object]:
    """What says whose card it is goes encrypted, for WeChat Pay alone to read."""
    content: dict[str, object] = {"out_refund_no": detour.ref.refund_no, "type": "MERCHANT_BANK_CARD"}
    if detour.bank_account:
        content |= {
            "type": "USER_BANK_CARD",
            "bank_type": detour.bank,
            "bank_account": encrypted(detour.bank_account, key=key),
            "real_name": encrypted(detour.holder, key=key),
        }
    return content


def encrypted(value: str, *, key: PlatformKey) -> str:
    padding = OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None)  # noqa: S303 - WeChat Pay knows no other
    return b64encode(key.key.encrypt(value.encode(), padding)).decode()


def read_redirected(answer: Answer, *, detour: RefundDetour) -> GatewayEvent:
    """A refusal leaves the refund where it was: with a person."""
    event = read_refund_queried(answer, ref=detour.ref)
    if answer.is_done:
        return event
    return replace(event, outcome=failure(answer, table=DETOUR_FAILURES, default=Outcome.REQUIRES_ACTION))
