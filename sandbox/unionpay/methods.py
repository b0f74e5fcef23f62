from __future__ import annotations

from collections.abc import Callable

from sandbox import faults, notices
from sandbox.box import Box
from sandbox.unionpay import facts, notify, refunds, statement, trades
from sandbox.unionpay.answers import SUCCESS
from sandbox.unionpay.refunds import Refund, Wanted
from sandbox.unionpay.refusals import Refused, malformed
from sandbox.unionpay.requests import Call, check_txn_time
from sandbox.unionpay.trades import PAGE, QR, Order, Trade

Content = dict[str, str]
FRONT = {("01", "01"): "unionpay.front"}
BACK = {("01", "07"): "unionpay.qr", ("04", "00"): "unionpay.refund", ("31", "00"): "unionpay.undo"}
QUERY = {("00", "00"): "unionpay.query"}
FILE = {("76", "01"): "unionpay.file"}
BIZ_TYPE = {PAGE: "000201", QR: "000000"}
LIFE = 15 * 60.0  # if no payTimeout is given
LONGEST = 90 * 86_400.0


def scope_of(box: Box, call: Call) -> str:
    """The payment it is about; faults are switched on by it."""
    mer_id = call.merchant.mer_id
    original = trades.by_query_id(box, mer_id=mer_id, query_id=call.fields.get("origQryId", "-"))
    refund = refunds.find(box, mer_id=mer_id, order_id=call.order_id)
    if original is None and refund is not None:
        original = trades.by_id(box, refund.trade_id)
    return original.order_id if original else call.order_id


def subject_of(call: Call) -> str:
    """What is bought: `riskRateInfo={commodityName=…}` or `orderDesc`."""
    risk = call.fields.get("riskRateInfo", "").strip("{}")
    named = dict(part.partition("=")[::2] for part in risk.split("&"))
    return named.get("commodityName") or call.fields.get("orderDesc") or "—"


def place(box: Box, call: Call) -> Trade:
    """
    Take the order that a create call describes.

    :raises Refused: if something is missing or wrong in it
    """
    kind = PAGE if call.api == "unionpay.front" else QR
    check_txn_time(box, call, scope=call.order_id)
    call.one_of("channelType", "07", "08")
    call.one_of("currencyCode", "156")
    order = Order(
        order_id=call.order_id,
        txn_time=call.need("txnTime"),
        kind=kind,
        biz_type=call.one_of("bizType", BIZ_TYPE[kind]),
        subject=subject_of(call),
        total_fen=call.amount(),
        front_url=call.url("frontUrl", required=kind == PAGE),
        back_url=call.url("backUrl"),
        reserved=call.reserved(),
        expires_at=_expiry(box, call),
    )
    faults.read_tags(box, subject=order.subject, scope=order.order_id)
    return trades.place(box, call.merchant, order)


def _expiry(box: Box, call: Call) -> float:
    now = box.clock.now()
    if not call.fields.get("payTimeout"):
        return now + LIFE
    expires_at = call.time("payTimeout")
    if expires_at <= now:
        raise malformed("payTimeout")
    return min(expires_at, now + LONGEST)


def qr(box: Box, call: Call) -> Content:
    trade = place(box, call)
    return SUCCESS | {"qrCode": box.url(f"/unionpay/cashier/{trade.code}")}


def query(box: Box, call: Call) -> Content:
    """By `orderId` and the `txnTime` it was sent with: one without the other finds nothing."""
    now, key = box.clock.now(), {"mer_id": call.merchant.mer_id, "order_id": call.order_id}
    trade, refund = trades.find(box, **key), refunds.find(box, **key)
    found = trade or refund
    if found is None or found.txn_time != call.need("txnTime"):
        raise Refused("34")
    if refund is not None:
        original = trades.by_id(box, refund.trade_id)
        return _told(facts.of_refund(original, refund), facts.outcome_of_refund(refund, now=now))
    code = facts.outcome_of_trade(trade, now=now) if trade else None
    if trade is None or code is None:
        raise Refused("34")
    return _told(facts.of_trade(trade) if trade.is_paid else facts.HEAD | facts.identity(trade), code)


def _told(content: Content, code: str) -> Content:
    outcome = facts.answered(code)
    return content | SUCCESS | {"origRespCode": code, "origRespMsg": outcome["respMsg"]}


def refund(box: Box, call: Call) -> Content:
    return _give_back(box, call, txn_type=refunds.REFUND)


def undo(box: Box, call: Call) -> Content:
    return _give_back(box, call, txn_type=refunds.UNDO)


def _give_back(box: Box, call: Call, *, txn_type: str) -> Content:
    mer_id = call.merchant.mer_id
    trade = trades.by_query_id(box, mer_id=mer_id, query_id=call.need("origQryId"))
    check_txn_time(box, call, scope=trade.order_id if trade else call.order_id)
    wanted = Wanted(
        order_id=call.order_id,
        txn_time=call.need("txnTime"),
        amount_fen=call.amount(),
        txn_type=txn_type,
        back_url=call.url("backUrl"),
        reserved=call.reserved(),
    )
    if trade is None:
        raise Refused("35", "origQryId")
    return SUCCESS | {"queryId": give_back(box, trade, wanted).query_id or ""}


def give_back(box: Box, trade: Trade, wanted: Wanted) -> Refund:
    """
    Accept a refund, and tell the merchant once it is done or has failed.

    :raises Refused: if it cannot be refunded
    """
    taken = faults.take(box, "refund", scope=trade.order_id, gateway=notify.GATEWAY)
    struck = {control.fault: control for control in taken}
    delay = refunds.WORKING / box.options.speed
    if "refund_delay" in struck:
        delay = struck["refund_delay"].seconds
    if "refund_stuck" in struck:
        delay = refunds.NEVER
    outcome = refunds.FAILED if "refund_fail" in struck else refunds.DONE
    told_first = faults.take(box, "return", scope=trade.order_id, gateway=notify.GATEWAY)
    if told_first:
        delay = 0
    with box.store.transaction():
        accepted = refunds.refund(box, trade, wanted, outcome=outcome, delay=delay)
        sent = notify.announce(box, trade, refund=accepted) if delay < refunds.NEVER else []
    if told_first:
        notices.wait_until_tried(box, sent)
    return accepted


def file(box: Box, call: Call) -> Content:
    check_txn_time(box, call, scope=faults.EVERYWHERE)
    call.one_of("fileType", "00")
    name, content = statement.file(box, call.merchant, settle_date=call.need("settleDate"))
    return SUCCESS | {"fileName": name, "fileContent": content}


METHODS: dict[str, Callable[[Box, Call], Content]] = {
    "unionpay.qr": qr,
    "unionpay.query": query,
    "unionpay.refund": refund,
    "unionpay.undo": undo,
    "unionpay.file": file,
}
