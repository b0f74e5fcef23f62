from __future__ import annotations

import re
from collections.abc import Callable

from sandbox import faults, notices
from sandbox.alipay import bill, certification, notify, refunds, trades
from sandbox.alipay.answers import SUCCESS
from sandbox.alipay.refunds import Wanted
from sandbox.alipay.refusals import Refused, bad_parameter
from sandbox.alipay.requests import Call
from sandbox.alipay.trades import Order, Trade
from sandbox.box import Box
from sandbox.clock import DAY, beijing, end_of_day, from_beijing
from sandbox.money import yuan

Content = dict[str, object]
PRODUCT_CODES = {
    "alipay.trade.precreate": {"", "FACE_TO_FACE_PAYMENT", "QR_CODE_OFFLINE"},
    "alipay.trade.page.pay": {"FAST_INSTANT_TRADE_PAY"},
    "alipay.trade.wap.pay": {"QUICK_WAP_WAY", "QUICK_WAP_PAY"},
}
QR_LIFE = 7_200.0
PAGE_LIFE = 15.0 * DAY
EXPRESS = re.compile(r"([1-9][0-9]{0,4})([mhdc])", re.ASCII)
UNITS = {"m": 60, "h": 3_600, "d": DAY}


def place(box: Box, call: Call) -> Trade:
    """
    Take the order that a create call describes.

    :raises Refused: if something is missing or wrong in it
    """
    if call.text("product_code", limit=64, required=False) not in PRODUCT_CODES[call.method]:
        raise bad_parameter("product_code 与接口不符")
    order = Order(
        out_trade_no=call.number("out_trade_no"),
        product=call.method,
        subject=call.text("subject", limit=256),
        body=call.text("body", limit=128, required=False),
        total_fen=call.amount("total_amount"),
        notify_url=call.url("notify_url"),
        return_url=call.url("return_url"),
        passback_params=call.text("passback_params", limit=512, required=False),
        charset=call.charset,
        expires_at=_expiry(box, call),
    )
    faults.read_tags(box, subject=order.subject, scope=order.out_trade_no)
    return trades.place(box, call.account, order)


def _expiry(box: Box, call: Call) -> float:
    now = box.clock.now()
    lives = [_express(call, name, now=now) for name in ("timeout_express", "qr_code_timeout_express")]
    if call.content.get("time_expire"):
        lives.append(_time_expire(call))
    wanted = [expiry for expiry in lives if expiry is not None]
    default = now + (QR_LIFE if call.method == "alipay.trade.precreate" else PAGE_LIFE)
    expires_at = min(wanted, default=default)
    if expires_at <= now:
        raise bad_parameter("time_expire 早于当前时间（北京时间）")
    return min(expires_at, now + PAGE_LIFE)


def _time_expire(call: Call) -> float:
    try:
        return from_beijing(call.text("time_expire", limit=32))
    except ValueError:
        raise bad_parameter("time_expire 格式须为 yyyy-MM-dd HH:mm:ss") from None


def _express(call: Call, name: str, *, now: float) -> float | None:
    given = call.text(name, limit=6, required=False)
    if not given:
        return None
    match = EXPRESS.fullmatch(given)
    if match is None:
        raise bad_parameter(f"{name} 格式须如 90m、2h、1d、1c")
    return end_of_day(now) if match[2] == "c" else now + int(match[1]) * UNITS[match[2]]


def precreate(box: Box, call: Call) -> Content:
    trade = place(box, call)
    return SUCCESS | {"out_trade_no": trade.out_trade_no, "qr_code": box.url(f"/alipay/cashier/{trade.code}")}


def _asked(call: Call) -> dict[str, str]:
    out_trade_no = call.number("out_trade_no", required=False)
    trade_no = call.text("trade_no", limit=64, required=False)
    if not (out_trade_no or trade_no):
        raise bad_parameter("out_trade_no 和 trade_no 不能同时为空")
    return {"app_id": call.account.app_id, "out_trade_no": out_trade_no, "trade_no": trade_no}


def query(box: Box, call: Call) -> Content:
    trade = trades.require(box, **_asked(call))
    content = SUCCESS | _names(trade) | {"trade_status": trade.state, "total_amount": yuan(trade.charged_fen)}
    content |= {
        "buyer_user_id": trade.buyer_id,
        "buyer_logon_id": trade.buyer_logon_id,
        **dict.fromkeys(("receipt_amount", "buyer_pay_amount", "invoice_amount"), yuan(trade.paid_fen)),
        "point_amount": "0.00",
    }
    if trade.is_paid:
        content["send_pay_date"] = beijing(trade.paid_at or 0)
        content["fund_bill_list"] = [{"amount": yuan(trade.paid_fen), "fund_channel": "ALIPAYACCOUNT"}]
    return content


def _names(trade: Trade) -> Content:
    return {"out_trade_no": trade.out_trade_no, "trade_no": trade.trade_no or ""}


def close(box: Box, call: Call) -> Content:
    with box.store.transaction():
        trade = trades.close(box, trades.require(box, **_asked(call)))
        notify.announce_closing(box, trade)
    return SUCCESS | _names(trade)


def cancel(box: Box, call: Call) -> Content:
    asked = _asked(call)
    trade = trades.get(box, **asked)
    content = SUCCESS | {"out_trade_no": asked["out_trade_no"], "retry_flag": "N"}
    if trade is None:
        return content
    if trade.is_paid:
        give_back(box, trade, Wanted(trade.out_trade_no, trade.left_fen))
        return content | _names(trade) | {"action": "refund"}
    if trade.exists:
        trades.close(box, trade)
    else:
        trades.void(box, trade)
    return content | _names(trade) | {"action": "close"}


def refund(box: Box, call: Call) -> Content:
    trade = trades.require(box, **_asked(call))
    amount_fen = call.amount("refund_amount")
    reason = call.text("refund_reason", limit=256, required=False)
    number = call.number("out_request_no", required=False)
    if not number and amount_fen != trade.paid_fen:
        raise _no_refund(
            trade,
            Refused("40004", "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "部分退款须传 out_request_no，或金额与订单金额不一致"),
        )
    try:
        outcome = give_back(box, trade, Wanted(number or trade.out_trade_no, amount_fen, reason))
    except Refused as refused:
        raise _no_refund(trade, refused) from None
    content = (
        SUCCESS
        | _names(trade)
        | {
            "buyer_user_id": trade.buyer_id,
            "buyer_logon_id": trade.buyer_logon_id,
            "fund_change": "Y" if outcome.moved else "N",
            "refund_fee": yuan(outcome.trade.refunded_fen),
            "send_back_fee": yuan(outcome.refund.amount_fen if outcome.moved else 0),
        }
    )
    if outcome.refund.done_at is not None:
        content["gmt_refund_pay"] = beijing(outcome.refund.done_at)
    return content


def give_back(box: Box, trade: Trade, wanted: Wanted) -> refunds.Outcome:
    """
    Refund, and tell the merchant at the address of the payment.

    :raises Refused: if it cannot be refunded
    """
    stuck = any(c.fault == "refund_stuck" for c in faults.take(box, "refund", scope=trade.out_trade_no))
    told_first = faults.take(box, "return", scope=trade.out_trade_no)
    with box.store.transaction():
        outcome = refunds.refund(box, trade, wanted, stuck=stuck)
        sent = notify.announce(box, outcome.trade, refund=outcome.refund) if outcome.moved else []
    if told_first:
        notices.wait_until_tried(box, sent)
    return outcome


def _no_refund(trade: Trade, refused: Refused) -> Refused:
    refused.extra |= {"out_trade_no": trade.out_trade_no, "refund_fee": "0.00", "send_back_fee": "0.00"}
    return refused


def refund_query(box: Box, call: Call) -> Content:
    trade = trades.require(box, **_asked(call))
    found = refunds.find(box, trade, call.number("out_request_no"))
    if found is None or found.done_at is None:
        return SUCCESS | _names(trade)  # "no such refund" is said by saying nothing of it
    content = (
        SUCCESS
        | _names(trade)
        | {
            "out_request_no": found.out_request_no,
            "refund_reason": found.reason,
            "total_amount": yuan(trade.charged_fen),
            "refund_amount": yuan(found.amount_fen),
            "refund_status": "REFUND_SUCCESS",
        }
    )
    options = call.content.get("query_options") or []
    if "gmt_refund_pay" in options:
        content["gmt_refund_pay"] = beijing(found.done_at)
    if "refund_detail_item_list" in options:
        detail = {"amount": yuan(found.amount_fen), "fund_channel": "ALIPAYACCOUNT"}
        content["refund_detail_item_list"] = [detail]
    return content


def bill_url(box: Box, call: Call) -> Content:
    kind, day = call.text("bill_type", limit=20), call.text("bill_date", limit=15)
    return SUCCESS | {"bill_download_url": box.url(bill.link(box, call.account, kind=kind, day=day))}


def cert_download(box: Box, call: Call) -> Content:
    return SUCCESS | {
        "alipay_cert_content": certification.download(box, call.account, call.text("alipay_cert_sn", limit=64))
    }


METHODS: dict[str, Callable[[Box, Call], Content]] = {
    "alipay.trade.precreate": precreate,
    "alipay.trade.query": query,
    "alipay.trade.close": close,
    "alipay.trade.cancel": cancel,
    "alipay.trade.refund": refund,
    "alipay.trade.fastpay.refund.query": refund_query,
    "alipay.data.dataservice.bill.downloadurl.query": bill_url,
    "alipay.open.app.alipaycert.download": cert_download,
}
PAGES = frozenset({"alipay.trade.page.pay", "alipay.trade.wap.pay"})
KNOWN: dict[str, object] = {**METHODS, **dict.fromkeys(PAGES)}
