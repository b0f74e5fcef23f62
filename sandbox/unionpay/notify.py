from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import md5
from sqlite3 import Row
from urllib.parse import urlencode

from sandbox import faults, notices
from sandbox.box import Box
from sandbox.clock import DAY
from sandbox.courier import Answer, Letter, Sender
from sandbox.faults import Control
from sandbox.unionpay import facts, refunds
from sandbox.unionpay.refunds import Refund
from sandbox.unionpay.sealing import seal
from sandbox.unionpay.times import clearing_day, stamp
from sandbox.unionpay.trades import Trade

GATEWAY = "unionpay"
GAPS = (0, 60, 120, 240)
SENDS = len(GAPS) + 1
FORM_TYPE = "application/x-www-form-urlencoded;charset={}"
Fields = dict[str, str]


def announce(
    box: Box, trade: Trade, *, refund: Refund | None = None, extra: Sequence[Control] = (), once: bool = False
) -> list[int]:
    """
    Write down the notification of a payment, or of what a refund will have come to; the ids of its copies.

    :param extra: faults besides those switched on
    :param once: one sending only, whatever the merchant answers
    """
    url = refund.back_url if refund else trade.back_url
    if not url:
        return []
    controls = [*faults.take(box, "notify", scope=trade.order_id, gateway=GATEWAY), *extra]
    serial = box.store.one("SELECT COUNT(*) AS n FROM notification")
    message = notices.Message(
        gateway=GATEWAY,
        app_id=trade.mer_id,
        out_trade_no=trade.order_id,
        notify_id=md5(f"{box.seed}:{serial and serial['n']}".encode(), usedforsecurity=False).hexdigest(),
        url=url,
        charset="UTF-8",
        fields=_twisted(_fields(trade, refund), controls),
        max_attempts=1 if once else SENDS,
    )
    return notices.enqueue(box, message, [*controls, *_waiting(box, refund, controls, trade)])


def _fields(trade: Trade, refund: Refund | None) -> Fields:
    if refund is None:
        return facts.of_trade(trade) | facts.answered("00" if trade.is_paid else "01")
    code = facts.outcome_of_refund(refund, now=refund.done_at)
    return facts.of_refund(trade, refund) | facts.answered(code)


def _waiting(box: Box, refund: Refund | None, controls: Sequence[Control], trade: Trade) -> list[Control]:
    """The message about a refund leaves when the refund is done."""
    left = refund.done_at - box.clock.now() if refund else 0
    if left <= 0:
        return []
    late = sum(control.seconds for control in controls if control.fault == "delay_notify")
    return faults.just_now({"delay_notify": f"{min(left + late, refunds.NEVER):.3f}"}, scope=trade.order_id)


def _twisted(fields: Fields, controls: Sequence[Control]) -> Fields:
    for control in controls:
        if control.fault in TWISTS:
            fields = fields | TWISTS[control.fault](fields, control.value)
    return fields


def _other_amount(fields: Mapping[str, str], value: str) -> Fields:
    return dict.fromkeys(("txnAmt", "settleAmt"), str(max(1, int(fields["txnAmt"]) + int(value))))


TWISTS: dict[str, Callable[[Mapping[str, str], str], Fields]] = {
    "wrong_amount": _other_amount,
    "wrong_app_id": lambda *_: {"merId": "777299999999999"},
    "wrong_currency_code": lambda _, code: dict.fromkeys(("currencyCode", "settleCurrencyCode"), code),
    "unknown_order": lambda fields, _: {"orderId": f"UNKNOWN{fields['orderId']}"[:40]},
}


def write(box: Box, row: Row) -> Letter:
    """Make up one sending of a notification, signed with the key UnionPay has by then."""
    values: dict[str, str] = json.loads(row["faults"])
    fields: Fields = json.loads(row["fields"])
    if "stale_notify" in values:
        fields |= _old(box, days=float(values["stale_notify"]))
    forge = values.get("forge_unionpay") or row["forge"]
    merchant = box.unionpay.known[row["app_id"]]
    body = urlencode(seal(fields, box.unionpay.authority, forge=forge, merchant=merchant)).encode()
    declared = "GBK" if "wrong_charset" in values else row["charset"]
    content_type = "application/json" if "wrong_content_type" in values else FORM_TYPE.format(declared)
    return Letter(url=row["url"], body=body, content_type=content_type)


def _old(box: Box, *, days: float) -> Fields:
    at = box.clock.now() - days * DAY
    return {"traceTime": stamp(at)[4:], "settleDate": clearing_day(at)[4:]}


def accepts(answer: Answer) -> bool:
    """The body does not count."""
    return answer.status in {200, 302}


SENDER = Sender(write=write, accepts=accepts, gaps=GAPS)
