from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import md5
from sqlite3 import Row
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from sandbox import faults, notices
from sandbox.alipay import certification
from sandbox.alipay.accounts import Account
from sandbox.alipay.refunds import Refund
from sandbox.alipay.signing import NOTIFICATION, REQUEST, sign, sign_sha1, string_to_sign
from sandbox.alipay.trades import CLOSED, Trade
from sandbox.box import Box
from sandbox.clock import DAY, beijing, beijing_millis
from sandbox.courier import Answer, Letter, Sender
from sandbox.faults import Control
from sandbox.keys import new_key
from sandbox.money import fen, yuan

GATEWAY = "alipay"
GAPS = (240, 600, 600, 3_600, 7_200, 21_600, 54_000)  # 4m 10m 10m 1h 2h 6h 15h
SENDS = len(GAPS) + 1
FORM_TYPE = "application/x-www-form-urlencoded; charset={}"


def signed_form(fields: Mapping[str, str], *, account: Account, charset: str = "utf-8", forge: str = "") -> bytes:
    """
    Sign a notification's fields with the account's Alipay key and write the form body.

    :param forge: sign it wrongly, in one of the ways of faults.FORGERIES
    """
    named = {**fields, "charset": charset, "sign_type": "RSA2"}
    without = REQUEST if forge == "keep_sign_type" else NOTIFICATION
    signature = _signatures(account)[forge](string_to_sign(named, without=without).encode(charset))
    return urlencode({**named, "sign": signature}, encoding=charset).encode()


def _signatures(account: Account) -> dict[str, Callable[[bytes], str]]:
    return {
        "": lambda content: sign(content, account.alipay_key),
        "corrupt": lambda content: sign(content + b".", account.alipay_key),
        "other_key": lambda content: sign(content, _strangers_key()),
        "app_key": lambda content: sign(content, account.app_key),
        "sha1": lambda content: sign_sha1(content, account.alipay_key),
        "keep_sign_type": lambda content: sign(content, account.alipay_key),
        "unsigned": lambda _: "",
    }


@cache
def _strangers_key() -> RSAPrivateKey:
    return new_key(seed=None)


def sample_fields(account: Account, *, out_trade_no: str, total_amount: str, **others: str) -> dict[str, str]:
    """
    The fields of an honest message about a payment; name others to change, add or (with "") leave out.

    :param total_amount: in yuan, with two decimals
    """
    at = others.pop("at", "2026-01-01 12:00:00")
    fields = _head(account) | {
        "notify_id": md5(out_trade_no.encode(), usedforsecurity=False).hexdigest(),
        "notify_time": at,
        "trade_no": f"2026010122001{int(account.app_id) % 10**4:04d}{len(out_trade_no):011d}",
        "out_trade_no": out_trade_no,
        "buyer_id": "2088000000000001",
        "buyer_logon_id": "138****0001",
        "trade_status": "TRADE_SUCCESS",
        "subject": "订单",
        "gmt_create": at,
        "gmt_payment": at,
    }
    return {name: value for name, value in (fields | _amounts(fen(total_amount)) | others).items() if value}


def fields_of(account: Account, trade: Trade, *, refund: Refund | None = None) -> dict[str, str]:
    """What a notification says of a trade, or of a refund of it: refunds come as trade messages too."""
    fields = _head(account) | {
        "trade_no": trade.trade_no or "",
        "out_trade_no": trade.out_trade_no,
        "buyer_id": trade.buyer_id,
        "buyer_open_id": trade.buyer_open_id,
        "buyer_logon_id": trade.buyer_logon_id,
        "trade_status": trade.state,
        "subject": trade.subject,
        "body": trade.body,
        "passback_params": trade.passback_params,
        "gmt_create": beijing(trade.created_at or trade.offered_at),
        "gmt_close": beijing(trade.closed_at) if trade.closed_at and trade.state == CLOSED else "",
    }
    if trade.is_paid:
        fields |= _amounts(trade.charged_fen) | {"gmt_payment": beijing(trade.paid_at or 0)}
    else:
        fields["total_amount"] = yuan(trade.total_fen)
    if refund is not None:
        fields |= _refund_fields(trade, refund)
    return {name: value for name, value in fields.items() if value}


def _head(account: Account) -> dict[str, str]:
    return {
        "notify_type": "trade_status_sync",
        "version": "1.0",
        "app_id": account.app_id,
        "auth_app_id": account.app_id,
        "seller_id": account.seller_id,
        "seller_email": account.seller_email,
    }


def _amounts(total_fen: int) -> dict[str, str]:
    bills = [{"amount": yuan(total_fen), "fundChannel": "ALIPAYACCOUNT"}]
    return {
        **dict.fromkeys(("total_amount", "receipt_amount", "invoice_amount", "buyer_pay_amount"), yuan(total_fen)),
        "point_amount": "0.00",
        "fund_bill_list": json.dumps(bills, separators=(",", ":")),
    }


def _refund_fields(trade: Trade, refund: Refund) -> dict[str, str]:
    return {
        "out_biz_no": refund.out_request_no,
        "refund_fee": yuan(trade.refunded_fen),  # of all refunds so far, not of this one
        "send_back_fee": yuan(refund.amount_fen),
        "gmt_refund": beijing_millis(refund.done_at or 0),
    }


def announce(
    box: Box, trade: Trade, *, refund: Refund | None = None, extra: Sequence[Control] = (), once: bool = False
) -> list[int]:
    """
    Write down the notification that follows from a trade's state; the ids of its copies.

    :param extra: faults besides those switched on
    :param once: one sending only, whatever the merchant answers
    """
    account = box.accounts.get(trade.app_id)
    if account is None or not trade.notify_url:
        return []
    controls = [*faults.take(box, "notify", scope=trade.out_trade_no), *extra]
    serial = box.store.one("SELECT COUNT(*) AS n FROM notification")
    message = notices.Message(
        gateway=GATEWAY,
        app_id=trade.app_id,
        out_trade_no=trade.out_trade_no,
        notify_id=md5(f"{box.seed}:{serial and serial['n']}".encode(), usedforsecurity=False).hexdigest(),
        url=trade.notify_url,
        charset=trade.charset,
        fields=_twisted(fields_of(account, trade, refund=refund), controls),
        max_attempts=1 if once else SENDS,
    )
    return notices.enqueue(box, message, controls)


def announce_closing(box: Box, trade: Trade) -> list[int]:
    """Closings are not notified, unless the merchant asked for it: the fault `notify_close`."""
    wanted = any(c.fault == "notify_close" for c in faults.take(box, "notify", scope=trade.out_trade_no))
    return announce(box, trade) if wanted else []


def _twisted(fields: dict[str, str], controls: Sequence[Control]) -> dict[str, str]:
    for control in controls:
        if control.fault in TWISTS:
            fields = fields | TWISTS[control.fault](fields, control.value)
    return fields


def _other_amount(fields: Mapping[str, str], value: str) -> dict[str, str]:
    return _amounts(max(1, fen(fields["total_amount"]) + int(value)))


TWISTS: dict[str, Callable[[Mapping[str, str], str], dict[str, str]]] = {
    "wrong_amount": _other_amount,
    "wrong_app_id": lambda *_: {"app_id": "9021999999999999", "auth_app_id": "9021999999999999"},
    "wrong_seller": lambda *_: {"seller_id": "2088999999999999"},
    "unknown_order": lambda fields, _: {"out_trade_no": f"UNKNOWN{fields['out_trade_no']}"[:64]},
}


def write(box: Box, row: Row) -> Letter:
    """Make up one sending of a notification: each carries its own time and so its own signature."""
    account = box.accounts.known[row["app_id"]]
    values: dict[str, str] = json.loads(row["faults"])
    fields: dict[str, str] = json.loads(row["fields"])
    fields |= _times(box, row, fields, values)
    if "notify_cert_sn" in values:
        fields["alipay_cert_sn"] = certification.alipay_certificate(box, account).sn
    body = signed_form(
        {**fields, "notify_id": row["notify_id"]}, account=account, charset=row["charset"], forge=row["forge"]
    )
    declared = "gbk" if "wrong_charset" in values else row["charset"]
    content_type = "application/json" if "wrong_content_type" in values else FORM_TYPE.format(declared)
    return Letter(url=row["url"], body=body, content_type=content_type)


def _times(box: Box, row: Row, fields: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    now = box.clock.now() + faults.skew(box, scope=row["out_trade_no"])
    if "stale_notify" not in values:
        return {"notify_time": beijing(now)}
    old = beijing(now - float(values["stale_notify"]) * DAY)
    return {"notify_time": old} | {name: old for name in ("gmt_create", "gmt_payment") if name in fields}


def accepts(answer: Answer) -> bool:
    return answer.status == 200 and answer.text == "success"


SENDER = Sender(write=write, accepts=accepts, gaps=GAPS)
