from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import md5
from secrets import token_hex
from sqlite3 import Row
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from sandbox import dice, faults, notices
from sandbox.box import Box
from sandbox.clock import DAY, rfc3339
from sandbox.courier import Answer, Letter, Sender
from sandbox.faults import Control
from sandbox.keys import new_key
from sandbox.wechatpay import refunds, trades
from sandbox.wechatpay.accounts import CERTIFICATE, PUBLIC_KEY, Account
from sandbox.wechatpay.refunds import Refund
from sandbox.wechatpay.signing import NONCE_BYTES, SCHEME, lines, seal, sign, sign_sha1
from sandbox.wechatpay.trades import DESCRIPTIONS, Trade

GATEWAY = "wechatpay"
# 15s 15s 30s 3m 10m 20m 30m 30m 30m 60m 3h 3h 3h 6h 6h
GAPS = (15, 15, 30, 180, 600, 1_200, 1_800, 1_800, 1_800, 3_600, 10_800, 10_800, 10_800, 21_600, 21_600)
SENDS = len(GAPS) + 1
PATIENCE = 5.0
CONTENT_TYPE = "application/json"
PROBE = "WECHATPAY/SIGNTEST/"
STRANGERS_SERIAL = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
Fields = Mapping[str, Any]


def transaction(trade: Trade) -> dict[str, Any]:
    """A trade as the query's answer and the notification show it."""
    content: dict[str, Any] = {
        "mchid": trade.mchid,
        "appid": trade.appid,
        "out_trade_no": trade.out_trade_no,
        "trade_state": trade.state,
        "trade_state_desc": DESCRIPTIONS[trade.state],
        "attach": trade.attach,
        "amount": {"total": trade.charged_fen, "currency": "CNY"},
    }
    if not trade.is_paid:
        return content
    payer_total = trade.paid_fen - trade.coupon_fen
    content["amount"] |= {"payer_total": payer_total, "payer_currency": "CNY"}
    coupon = {"coupon_id": "109519", "name": "沙箱优惠", "scope": "GLOBAL", "type": "CASH", "amount": trade.coupon_fen}
    return content | {
        "transaction_id": trade.transaction_id,
        "trade_type": trade.type,
        "bank_type": "OTHERS",
        "success_time": rfc3339(trade.paid_at or 0),
        "payer": {"openid": trade.openid},
        "promotion_detail": [coupon] if trade.coupon_fen else [],
    }


def refund_amounts(trade: Trade, refund: Refund) -> dict[str, int]:
    left = trade.paid_fen - trade.coupon_fen
    payers = min(left, refund.amount_fen * left // max(1, trade.paid_fen))
    return {"total": trade.paid_fen, "refund": refund.amount_fen, "payer_total": left, "payer_refund": payers}


def refunded(trade: Trade, refund: Refund) -> dict[str, Any]:
    """A refund as its notification shows it: `refund_status`, and no currency."""
    content: dict[str, Any] = {
        "mchid": trade.mchid,
        "transaction_id": trade.transaction_id,
        "out_trade_no": trade.out_trade_no,
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "refund_status": refund.state,
        "user_received_account": "支付用户零钱",
        "amount": refund_amounts(trade, refund),
    }
    return content | ({"success_time": rfc3339(refund.done_at or 0)} if refund.state == refunds.SUCCESS else {})


def announce(
    box: Box, trade: Trade, *, refund: Refund | None = None, extra: Sequence[Control] = (), once: bool = False
) -> list[int]:
    """
    Write down the notification that follows from a trade's state, or from a refund's fate; the ids of its copies.

    :param extra: faults besides those switched on
    :param once: one sending only, whatever the merchant answers
    """
    url = trade.notify_url if refund is None else refund.notify_url
    if not url or (refund is not None and refund.due_at is None):
        return []
    controls = [*faults.take(box, "notify", scope=trade.out_trade_no, gateway=GATEWAY), *extra]
    serial = box.store.one("SELECT COUNT(*) AS n FROM notification")
    digest = md5(f"{box.seed}:{GATEWAY}:{serial and serial['n']}".encode(), usedforsecurity=False).hexdigest()
    message = notices.Message(
        gateway=GATEWAY,
        app_id=trade.mchid,
        out_trade_no=trade.out_trade_no,
        notify_id=f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}",
        url=url,
        charset="utf-8",
        fields=_twisted(_event(trade, refund), controls),
        max_attempts=1 if once else SENDS,
    )
    after = 0.0 if refund is None else max(0.0, (refund.due_at or 0) - box.clock.now())
    return notices.enqueue(box, message, controls, after=after)


def _event(trade: Trade, refund: Refund | None) -> dict[str, Any]:
    if refund is None:
        plain, event, summary = transaction(trade), f"TRANSACTION.{trade.state}", DESCRIPTIONS[trade.state]
        # A payment is notified as a success, whatever has become of it since.
        if trade.state == trades.REFUND:
            said = {"trade_state": trades.SUCCESS, "trade_state_desc": DESCRIPTIONS[trades.SUCCESS]}
            plain, event, summary = plain | said, "TRANSACTION.SUCCESS", "支付成功"
        return {"event_type": event, "original_type": "transaction", "summary": summary, "plain": plain}
    ended = Refund(**(vars(refund) | {"state": refund.fate, "done_at": refund.due_at}))
    summaries = {refunds.SUCCESS: "退款成功", refunds.ABNORMAL: "退款异常", refunds.CLOSED: "退款关闭"}
    return {
        "event_type": f"REFUND.{ended.state}",
        "original_type": "refund",
        "summary": summaries[ended.state],
        "plain": refunded(trade, ended),
    }


def _twisted(event: dict[str, Any], controls: Sequence[Control]) -> dict[str, Any]:
    for control in controls:
        if control.fault in TWISTS:
            event = event | {"plain": TWISTS[control.fault](event["plain"], control.value)}
        if control.fault == "wrong_event_type":
            event = event | {
                "event_type": "REFUND.SUCCESS" if event["original_type"] == "transaction" else "TRANSACTION.SUCCESS"
            }
    return event


def _with_amount(plain: Fields, value: str) -> dict[str, Any]:
    changed = "refund" if "refund" in plain["amount"] else "total"
    return {**plain, "amount": {**plain["amount"], changed: max(1, plain["amount"][changed] + int(value))}}


TWISTS: dict[str, Callable[[Fields, str], dict[str, Any]]] = {
    "wrong_amount": _with_amount,
    "wrong_app_id": lambda plain, _: {**plain, "appid": "wx9999999999999999"},
    "wrong_mchid": lambda plain, _: {**plain, "mchid": "1999999999"},
    "wrong_currency": lambda plain, value: {**plain, "amount": {**plain["amount"], "currency": value}},
    "unknown_order": lambda plain, _: {**plain, "out_trade_no": f"UNKNOWN{plain['out_trade_no']}"[:32]},
    "unpaid_notify": lambda plain, _: {**plain, "trade_state": trades.NOTPAY, "trade_state_desc": "订单未支付"},
}


def write(box: Box, row: Row) -> Letter:
    """Make up one sending of a notification: each is sealed and signed anew, under the same id."""
    account = box.wechatpay.known[row["app_id"]]
    values: dict[str, str] = json.loads(row["faults"])
    at = box.clock.now() + faults.skew(box, scope=row["out_trade_no"], gateway=GATEWAY)
    at -= float(values.get("stale_notify", 0)) * DAY
    key = token_hex(16) if "wrong_api_v3_key" in values else account.api_v3_key
    body = envelope(json.loads(row["fields"]), notify_id=row["notify_id"], created_at=row["created_at"], key=key)
    serial, platform_key = notifying_key(box, account, row["id"])
    forge = next((name for name in ("signtest", "unknown_serial") if name in values), row["forge"])
    headers = signed_headers(body, account=account, serial=serial, key=platform_key, at=at, forge=forge)
    content_type = "text/plain" if "wrong_content_type" in values else CONTENT_TYPE
    return Letter(url=row["url"], body=body, content_type=content_type, headers=headers, patience=PATIENCE)


def envelope(event: Fields, *, notify_id: str, created_at: float, key: str) -> bytes:
    """The JSON of a notification, its resource sealed with the APIv3 key."""
    nonce = token_hex(NONCE_BYTES // 2)
    context = str(event["original_type"])
    plain = json.dumps(event["plain"], ensure_ascii=False, separators=(",", ":")).encode()
    content = {
        "id": notify_id,
        "create_time": rfc3339(created_at),
        "resource_type": "encrypt-resource",
        "event_type": event["event_type"],
        "summary": event["summary"],
        "resource": {
            "original_type": event["original_type"],
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": seal(plain, key=key, nonce=nonce, context=context),
            "associated_data": context,
            "nonce": nonce,
        },
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def notifying_key(box: Box, account: Account, row_id: int) -> tuple[str, RSAPrivateKey]:
    """While a merchant switches, some notifications are signed in the old way and some in the new."""
    newest = account.platform[-1]
    old_way = account.mode == CERTIFICATE or dice.happens(box.seed, "switching", row_id, percent=50)
    return (
        (newest.serial, newest.key)
        if account.mode != PUBLIC_KEY and old_way
        else (account.public_key_id, account.public_key)
    )


def signed_headers(
    body: bytes, *, account: Account, serial: str, key: RSAPrivateKey, at: float, forge: str = ""
) -> dict[str, str]:
    """
    The headers that prove a notification.

    :param forge: prove it wrongly: one of faults.FORGERIES, `unknown_serial` or `signtest`
    """
    stamp, nonce = str(int(at)), token_hex(16)
    content = lines(stamp, nonce, body)
    headers = {
        "Wechatpay-Timestamp": stamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": STRANGERS_SERIAL if forge == "unknown_serial" else serial,
        "Wechatpay-Signature": _signatures(account, key)[forge](content),
        "Wechatpay-Signature-Type": SCHEME,
        "User-Agent": "Mozilla/4.0",
    }
    return {name: value for name, value in headers.items() if value}


def _signatures(account: Account, key: RSAPrivateKey) -> dict[str, Callable[[bytes], str]]:
    return {
        "": lambda content: sign(content, key),
        "corrupt": lambda content: sign(content + b".", key),
        "other_key": lambda content: sign(content, _strangers_key()),
        "unknown_serial": lambda content: sign(content, _strangers_key()),
        "app_key": lambda content: sign(content, account.merchant_key),
        "sha1": lambda content: sign_sha1(content, key),
        "keep_sign_type": lambda content: sign(content.rstrip(b"\n"), key),  # here: without the last line feed
        "unsigned": lambda _: "",
        "signtest": lambda content: PROBE + sign(content + b".", key),
    }


@cache
def _strangers_key() -> RSAPrivateKey:
    return new_key(seed=None)


def accepts(answer: Answer) -> bool:
    """200 or 204; what the body says is of no matter."""
    return answer.status in {200, 204}


SENDER = Sender(write=write, accepts=accepts, gaps=GAPS)
