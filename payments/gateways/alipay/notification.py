from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import replace
from datetime import datetime
from urllib.parse import unquote_to_bytes

from ..base import ForgedNotification, InboundRequest, UnknownKey, Unreadable
from ..event import EventKind, GatewayEvent, Outcome, fact_key
from ..fields import beijing_moment, fen_of_yuan, text
from .answer import MISREAD
from .codes import TRADE_STATES
from .keyring import Keyring, Verdict
from .signature import SIGN_TYPE
from .trades import payer_of

MAX_PARAMS = 200
CHINESE = ("gbk", "gb2312", "gb18030")
TRADE_NEWS = "trade_status_sync"
GATEWAY_CHECK = b"alipay.service.check"
SERIAL, SERIAL_FORM = b"alipay_cert_sn", re.compile(rb"[0-9a-f]{32}")
SECOND_PAIR = re.compile(rb"&[A-Za-z0-9_]+=")


def read_notification(*, request: InboundRequest, keys: Keyring) -> GatewayEvent:
    """
    Translate a notification, once it is proved to be Alipay's.

    :raises ForgedNotification: if Alipay did not sign these bytes
    :raises UnknownKey: if it names a certificate that we do not hold
    :raises Unreadable: if it did, and they are not as documented
    """
    params = split_form(request.body)
    authenticate(params, keys=keys)
    try:
        return replace(_translate(decode(params), raw=request.body), key_serial=_serial(params))
    except (*MISREAD, LookupError) as error:
        raise Unreadable(repr(error)) from error


def split_form(body: bytes) -> dict[bytes, bytes]:
    """
    The form as bytes: Django refuses one that is not UTF-8, and whatever re-encodes it breaks the signature.

    :raises ForgedNotification: if a name comes twice, for then nobody can say which one was signed
    """
    pairs = [pair.partition(b"=") for pair in body.split(b"&") if pair]
    params = {_unquote(name): _unquote(value) for name, _equals, value in pairs}
    if len(pairs) > MAX_PARAMS or len(params) != len(pairs):
        raise ForgedNotification("a parameter comes twice, or there are too many")
    return params


def authenticate(params: Mapping[bytes, bytes], *, keys: Keyring) -> None:
    """
    Make sure that Alipay signed these parameters. `sign_type` is left out, unlike in a request; one message alone,
    the check of an application's gateway, has it signed.

    :raises ForgedNotification: if it did not
    :raises UnknownKey: if it names a certificate that we do not hold
    """
    if params.get(b"sign_type") != SIGN_TYPE.encode():
        raise ForgedNotification("not signed with RSA2")
    unsigned = {b"sign"} if params.get(b"service") == GATEWAY_CHECK else {b"sign", b"sign_type"}
    if any(SECOND_PAIR.search(value) for name, value in params.items() if name not in unsigned):
        raise ForgedNotification("a value that reads as two parameters")
    serial = _serial(params)
    verdicts = [
        keys.judge(signed=_content(params, without=left_out), signature=params.get(b"sign", b""), serial=serial)
        for left_out in ((unsigned, unsigned | {SERIAL}) if serial else (unsigned,))
    ]
    if Verdict.UNKNOWN_KEY in verdicts:
        raise UnknownKey(serial)
    if Verdict.GENUINE not in verdicts:
        raise ForgedNotification("the signature is not Alipay's")


def _content(params: Mapping[bytes, bytes], *, without: Set[bytes]) -> bytes:
    signed = sorted((name, value) for name, value in params.items() if value and name not in without)
    return b"&".join(name + b"=" + value for name, value in signed)


def _serial(params: Mapping[bytes, bytes]) -> str:
    """
    Of the certificate, where a message names one. Whether it is signed along is not documented, nor does it matter:
    it only chooses among keys that are Alipay's.
    """
    serial = params.get(SERIAL, b"")
    if serial and SERIAL_FORM.fullmatch(serial) is None:
        raise ForgedNotification("no serial of a certificate")
    return serial.decode("ascii")


def decode(params: Mapping[bytes, bytes]) -> dict[str, str]:
    """
    The parameters as text, in the charset that the message names.

    :raises ValueError: if they are not in it
    """
    charset = params.get(b"charset", b"utf-8").decode("ascii").lower()
    codec = "gb18030" if charset in CHINESE else "utf-8"
    return {name.decode("ascii"): value.decode(codec) for name, value in params.items()}


def _unquote(quoted: bytes) -> bytes:
    return unquote_to_bytes(quoted.replace(b"+", b" "))


def _translate(params: Mapping[str, str], *, raw: bytes) -> GatewayEvent:
    claims = {name: params[name] for name in ("app_id", "seller_id") if params.get(name)}
    if params.get("notify_type") != TRADE_NEWS or "trade_status" not in params:
        key = fact_key("other", params.get("notify_type", ""), params.get("notify_id", ""))
        return GatewayEvent(kind=EventKind.OTHER, event_key=key, claims=claims, raw=raw)
    refunded_fen = fen_of_yuan(params["refund_fee"]) if params.get("refund_fee") else 0
    if refunded_fen or params.get("gmt_refund"):
        return _refund(params, claims=claims, refunded_fen=refunded_fen, raw=raw)
    return _payment(params, claims=claims, raw=raw)


def _payment(params: Mapping[str, str], *, claims: Mapping[str, str], raw: bytes) -> GatewayEvent:
    """A payment is closed before it was paid; closed after, its refund went missing, and a query must tell."""
    state, paid_at = text(params["trade_status"]), params.get("gmt_payment")
    outcome = TRADE_STATES.get(state, Outcome.UNKNOWN)
    closed = outcome is Outcome.CLOSED
    return GatewayEvent(
        kind=EventKind.CLOSE if closed and not paid_at else EventKind.PAYMENT,
        event_key=fact_key("payment", params["out_trade_no"], params["trade_no"], state),
        claims=claims,
        payment_no=text(params["out_trade_no"]),
        gateway_trade_no=text(params["trade_no"]),
        amount_fen=fen_of_yuan(params["total_amount"]),
        currency=params.get("trans_currency") or "CNY",
        outcome=Outcome.UNKNOWN if closed and paid_at else outcome,
        occurred_at=_moment(params, "gmt_close" if closed else "gmt_payment"),
        payer_ref=payer_of(params),
        native_state=state,
        raw=raw,
    )


def _refund(params: Mapping[str, str], *, claims: Mapping[str, str], refunded_fen: int, raw: bytes) -> GatewayEvent:
    """
    Comes to the payment's address dressed as a payment: TRADE_SUCCESS after a partial refund, TRADE_CLOSED after a
    full one. It tells what went back in all, not what this refund was.
    """
    state, refund_no = text(params["trade_status"]), params.get("out_biz_no", "")
    return GatewayEvent(
        kind=EventKind.REFUND,
        event_key=fact_key("refund", params["out_trade_no"], params["trade_no"], state, refund_no, refunded_fen),
        claims=claims,
        payment_no=text(params["out_trade_no"]),
        refund_no=refund_no,
        gateway_trade_no=text(params["trade_no"]),
        refunded_total_fen=refunded_fen or None,
        currency=params.get("trans_currency") or "CNY",
        outcome=Outcome.SUCCEEDED if refunded_fen else Outcome.UNKNOWN,
        occurred_at=_moment(params, "gmt_refund"),
        payer_ref=payer_of(params),
        native_state=state,
        raw=raw,
    )


def _moment(params: Mapping[str, str], name: str) -> datetime | None:
    return beijing_moment(params[name]) if params.get(name) else None
