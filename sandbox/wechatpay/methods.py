from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

from sandbox import faults, notices
from sandbox.box import Box
from sandbox.clock import DAY, rfc3339
from sandbox.faults import Control
from sandbox.wechatpay import answers, notify, refunds, shapes, trades
from sandbox.wechatpay.authority import load
from sandbox.wechatpay.refunds import Refund, Wanted
from sandbox.wechatpay.refusals import Refused, bad_field, not_consistent
from sandbox.wechatpay.requests import Call, address
from sandbox.wechatpay.shapes import Shape
from sandbox.wechatpay.signing import NONCE_BYTES, seal, unlocked
from sandbox.wechatpay.trades import Order, Trade

Content = dict[str, Any]
SHAPES: dict[str, Shape] = {"native": shapes.NATIVE, "h5": shapes.H5, "jsapi": shapes.JSAPI}
H5_TYPES = {"Wap", "iOS", "Android"}
HERE = {"127.0.0.1", "localhost"}
NUMBER_LETTERS = set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-|*")
CHANNELS = {"USER_BANK_CARD", "MERCHANT_BANK_CARD"}


def pay(box: Box, call: Call) -> Content:
    """
    Take an order, and say how the buyer comes to pay it.

    :raises Refused: if something is missing or wrong in it
    """
    product = call.parts["product"]
    content = call.body(SHAPES[product])
    _check_order(call, content)
    if product == "jsapi" and not trades.is_openid_of(box, call.account.appid, content["payer"]["openid"]):
        raise bad_field("payer.openid", "无效的openid：与appid不匹配")
    if product == "h5":
        _check_scene(content["scene_info"], is_here=_is_here(box))
    order = Order(
        out_trade_no=content["out_trade_no"],
        product=product,
        description=content["description"],
        attach=content.get("attach", ""),
        total_fen=content["amount"]["total"],
        notify_url=address(content),
        openid=content["payer"]["openid"] if product == "jsapi" else "",
        request=one_writing(content),
        expires_at=_expiry(box, content),
    )
    faults.read_tags(box, subject=order.description, scope=order.out_trade_no)
    return way_to_pay(box, trades.place(box, call.account, order))


def way_to_pay(box: Box, trade: Trade) -> Content:
    if trade.product == "native":
        return {"code_url": f"weixin://wxpay/bizpayurl?pr={trade.code}"}
    if trade.product == "jsapi":
        return {"prepay_id": trade.prepay_id}
    page = f"/wechatpay/h5?prepay_id={trade.prepay_id}&package={int(box.clock.now())}"
    return {"h5_url": box.url(page)}


def one_writing(content: Mapping[str, Any]) -> str:
    """The same for the same content, however it was written."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _check_order(call: Call, content: Content) -> None:
    call.own(content["mchid"])
    if content["appid"] != call.account.appid:
        raise Refused("APPID_MCHID_NOT_MATCH", "商户号mchid与appid不匹配")
    if not set(content["out_trade_no"]) <= NUMBER_LETTERS:
        raise bad_field("out_trade_no", "只能是数字、大小写字母_-|*")
    _check_currency(content)


def _check_currency(content: Content) -> None:
    if content["amount"].get("currency", "CNY") != "CNY":
        raise bad_field("amount.currency", "境内商户号仅支持人民币 CNY")


def _is_here(box: Box) -> bool:
    """Whether the sandbox serves its own machine alone, where every payer's address is a loopback's."""
    return urlsplit(box.options.public_url).hostname in HERE


def _check_scene(scene: Content, *, is_here: bool) -> None:
    if scene["h5_info"]["type"] not in H5_TYPES:
        raise bad_field("scene_info.h5_info.type", "须为 Wap、iOS 或 Android")
    try:
        named = ip_address(scene["payer_client_ip"])
    except ValueError:
        raise bad_field("scene_info.payer_client_ip", "须为用户的 IP 地址") from None
    if named.is_unspecified or (named.is_loopback and not is_here):
        raise bad_field("scene_info.payer_client_ip", "须为用户真实的 IP 地址")


def _expiry(box: Box, content: Content) -> float:
    now = box.clock.now()
    if "time_expire" not in content:
        return now + trades.LIFE
    expires_at = moment_of(content["time_expire"], name="time_expire")
    if expires_at <= now:
        raise bad_field("time_expire", "支付结束时间须晚于当前时间")
    return min(expires_at, now + 7 * DAY)


def moment_of(text: str, *, name: str) -> float:
    """:raises Refused: if it is no RFC 3339 time"""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or "T" not in text:
        raise bad_field(name, "格式须为 yyyy-MM-DDTHH:mm:ss+TIMEZONE")
    return at.timestamp()


def query(box: Box, call: Call) -> Content:
    """:raises Refused: if the merchant has no such order"""
    call.own(call.query.get("mchid", ""), location="query")
    found = trades.require(
        box,
        mchid=call.account.mchid,
        out_trade_no=call.parts.get("out_trade_no", ""),
        transaction_id=call.parts.get("transaction_id", ""),
    )
    return notify.transaction(found)


def close(box: Box, call: Call) -> None:
    """:raises Refused: if there is no such order, or it is paid"""
    call.own(call.body(shapes.CLOSE)["mchid"])
    trades.close(box, trades.require(box, mchid=call.account.mchid, out_trade_no=call.parts["out_trade_no"]))


def refund(box: Box, call: Call) -> Content:
    """
    Accept a refund; whether it succeeds is told later.

    :raises Refused: if it cannot be
    """
    content = call.body(shapes.REFUND)
    trade = _refunds_trade(box, call, content)
    _check_currency(content)
    if not set(content["out_refund_no"]) <= NUMBER_LETTERS | {"@"}:
        raise bad_field("out_refund_no", "只能是数字、大小写字母_-|*@")
    amount = content["amount"]
    if amount["refund"] > amount["total"]:
        raise bad_field("amount.refund", "不能大于原订单金额")
    wanted = Wanted(
        out_refund_no=content["out_refund_no"],
        amount_fen=amount["refund"],
        total_fen=amount["total"],
        reason=content.get("reason", ""),
        notify_url=address(content),
        request=one_writing(content),
    )
    return accept(box, trade, wanted)


def accept(box: Box, trade: Trade, wanted: Wanted) -> Content:
    struck = faults.take(box, "refund", scope=trade.out_trade_no, api="refund", gateway=notify.GATEWAY)
    fate, delay = fate_of(struck)
    told_first = faults.take(box, "return", scope=trade.out_trade_no, api="refund", gateway=notify.GATEWAY)
    with box.store.transaction():
        outcome = refunds.refund(box, trade, wanted, fate=fate, delay=0 if told_first else delay)
        sent = notify.announce(box, outcome.trade, refund=outcome.refund) if outcome.is_new else []
    if told_first:
        notices.wait_until_tried(box, sent)
    return described(outcome.trade, outcome.refund)


def fate_of(struck: list[Control]) -> tuple[str, float | None]:
    """How a refund ends and after how many seconds."""
    values = {control.fault: control.value for control in struck}
    fates = {"refund_abnormal": refunds.ABNORMAL, "refund_closed": refunds.CLOSED}
    fate = next((fates[name] for name in values if name in fates), refunds.SUCCESS)
    return fate, None if "refund_stuck" in values else float(values.get("refund_delay", refunds.DELAY))


def _refunds_trade(box: Box, call: Call, content: Content) -> Trade:
    numbers = {name: str(content.get(name, "")) for name in ("transaction_id", "out_trade_no")}
    if not any(numbers.values()):
        raise bad_field("transaction_id", "与 out_trade_no 须二选一填写")
    found = trades.get(box, mchid=call.account.mchid, **numbers)
    if found is None:
        raise Refused("RESOURCE_NOT_EXISTS", "订单不存在")
    if numbers["out_trade_no"] not in {"", found.out_trade_no}:
        raise not_consistent("transaction_id 与 out_trade_no")
    return found


def refund_query(box: Box, call: Call) -> Content:
    """:raises Refused: if there is no such refund"""
    found = refunds.find(box, call.account.mchid, call.parts["out_refund_no"])
    if found is None:
        raise Refused("RESOURCE_NOT_EXISTS", "退款单不存在")
    return described(trades.by_id(box, found.trade_id), found)


def abnormal_refund(box: Box, call: Call) -> Content:
    """:raises Refused: if there is no such refund, or it is not abnormal"""
    content = call.body(shapes.ABNORMAL)
    if content["type"] not in CHANNELS:
        raise bad_field("type", "须为 USER_BANK_CARD 或 MERCHANT_BANK_CARD")
    if content["type"] == "USER_BANK_CARD" and not {"bank_type", "bank_account", "real_name"} <= set(content):
        raise bad_field("bank_account", "退至用户银行卡时，bank_type、bank_account、real_name 必填")
    if content["type"] == "USER_BANK_CARD":
        _open_sensitive(call, content)
    found = refunds.find_by_refund_id(box, call.account.mchid, call.parts["refund_id"])
    if found is None or found.out_refund_no != content["out_refund_no"]:
        raise Refused("RESOURCE_NOT_EXISTS", "退款单不存在")
    with box.store.transaction():
        retried = refunds.retry(box, found)
        trade = trades.by_id(box, retried.trade_id)
        notify.announce(box, trade, refund=retried)
    return described(trade, retried)


def _open_sensitive(call: Call, content: Content) -> None:
    """:raises Refused: if what is sensitive was not encrypted with the key that `Wechatpay-Serial` names"""
    key = answers.named_key(call.account, call.request.headers.get("wechatpay-serial", ""))
    for name in ("bank_account", "real_name"):
        if key is None or not unlocked(content[name], key):
            raise bad_field(name, "敏感信息解密失败：须用 Wechatpay-Serial 指定的公钥或平台证书加密")


def described(trade: Trade, refund: Refund) -> Content:
    """A refund as an answer shows it: `status`."""
    amounts = notify.refund_amounts(trade, refund)
    content: Content = {
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "transaction_id": trade.transaction_id,
        "out_trade_no": trade.out_trade_no,
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": rfc3339(refund.asked_at),
        "status": refund.state,
        "funds_account": "AVAILABLE",
        "amount": amounts
        | {
            "from": [],
            "settlement_refund": refund.amount_fen,
            "settlement_total": trade.paid_fen,
            "discount_refund": refund.amount_fen - amounts["payer_refund"],
            "currency": "CNY",
        },
        "promotion_detail": [],
    }
    return content | ({"success_time": rfc3339(refund.done_at or 0)} if refund.state == refunds.SUCCESS else {})


def certificates(box: Box, call: Call) -> Content:
    """
    The platform certificates, sealed with the APIv3 key.

    :raises Refused: if the merchant uses the public key only, and has none
    """
    account = call.account
    if not account.has_certificates:
        raise Refused("RESOURCE_NOT_EXISTS", "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥")
    return {"data": [_sealed(it.certificate, serial=it.serial, key=account.api_v3_key) for it in account.platform]}


def _sealed(pem: str, *, serial: str, key: str) -> Content:
    paper = load(pem)
    nonce = token_hex(NONCE_BYTES // 2)
    return {
        "serial_no": serial,
        "effective_time": rfc3339(paper.not_valid_before_utc.timestamp()),
        "expire_time": rfc3339(paper.not_valid_after_utc.timestamp()),
        "encrypt_certificate": {
            "algorithm": "AEAD_AES_256_GCM",
            "nonce": nonce,
            "associated_data": "certificate",
            "ciphertext": seal(pem.encode(), key=key, nonce=nonce, context="certificate"),
        },
    }
