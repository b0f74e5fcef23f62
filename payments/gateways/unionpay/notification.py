from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote_to_bytes

from ..base import ForgedNotification, InboundRequest, Unreadable
from ..event import EventKind, GatewayEvent, Outcome, fact_key
from ..fields import text
from .answer import MISREAD, split_plain
from .codes import outcome_of
from .refunds import REFUND, UNDO
from .signature import string_to_sign
from .trades import PAYMENT, currency_of, fen_of, moment_of
from .trust import Judge, Untrusted

MAX_PARAMS = 200
CHINESE = ("gbk", "gb2312", "gb18030")
OUR_NUMBER = re.compile(r"[0-9A-Za-z]{8,40}")


def read_notification(*, request: InboundRequest, judge: Judge) -> GatewayEvent:
    """
    Translate a notification, once it is proved to be UnionPay's.

    :raises ForgedNotification: if UnionPay did not sign these bytes
    :raises Unreadable: if it did, and they are not as documented
    :raises ConfigError: if our certificates cannot be read
    """
    params = split_form(request.body)
    try:
        serial = judge.believe(params, at=request.received_at)
    except Untrusted as error:
        raise ForgedNotification(f"the {error.fault} is not UnionPay's") from error
    try:
        return replace(_translate(decode(params), raw=request.body), key_serial=serial)
    except (*MISREAD, LookupError) as error:
        raise Unreadable(repr(error)) from error


def split_form(body: bytes) -> dict[bytes, bytes]:
    """
    The form as bytes: Django refuses one that is not UTF-8, and whatever re-encodes it breaks the signature.

    :raises ForgedNotification: if it can be read in two ways, for then nobody can say which one was signed
    """
    pairs = [pair.partition(b"=") for pair in body.split(b"&") if pair]
    params = {_unquote(name): _unquote(value) for name, _equals, value in pairs}
    if len(pairs) > MAX_PARAMS or len(params) != len(pairs):
        raise ForgedNotification("a parameter comes twice, or there are too many")
    told = {name: value for name, value in params.items() if value and name != b"signature"}
    try:
        is_plain = split_plain(string_to_sign(params)) == told
    except ValueError:
        is_plain = False
    if not is_plain:
        raise ForgedNotification("a value that reads as two parameters")
    return params


def decode(params: Mapping[bytes, bytes]) -> dict[str, str]:
    """
    The parameters as text, in the charset that the message names.

    :raises ValueError: if they are not in it
    """
    charset = params.get(b"encoding", b"utf-8").decode("ascii").lower()
    codec = "gb18030" if charset in CHINESE else "utf-8"
    return {name.decode("ascii"): value.decode(codec) for name, value in params.items()}


def _unquote(quoted: bytes) -> bytes:
    return unquote_to_bytes(quoted.replace(b"+", b" "))


def _translate(params: Mapping[str, str], *, raw: bytes) -> GatewayEvent:
    claims = {"merId": params["merId"]} if params.get("merId") else {}
    kind = params.get("txnType", "")
    if kind == PAYMENT:
        return _payment(params, claims=claims, raw=raw)
    if kind in (REFUND, UNDO):
        return _refund(params, claims=claims, raw=raw)
    key = fact_key("other", kind, params.get("orderId", ""), params.get("txnTime", ""), params.get("queryId", ""))
    return GatewayEvent(kind=EventKind.OTHER, event_key=key, claims=claims, raw=raw)


def _payment(params: Mapping[str, str], *, claims: Mapping[str, str], raw: bytes) -> GatewayEvent:
    """What failed may be tried again until its time to pay is over: only a query tells that nothing comes of it."""
    code = text(params["respCode"])
    outcome = outcome_of(code)
    return GatewayEvent(
        kind=EventKind.PAYMENT,
        event_key=_fact("payment", params),
        claims=claims,
        payment_no=text(params["orderId"]),
        gateway_trade_no=text(params["queryId"]),
        amount_fen=fen_of(params),
        currency=currency_of(params),
        outcome=Outcome.UNKNOWN if outcome is Outcome.FAILED else outcome,
        occurred_at=moment_of(params),
        native_state=code,
        code=code,
        message=params.get("respMsg", ""),
        raw=raw,
    )


def _refund(params: Mapping[str, str], *, claims: Mapping[str, str], raw: bytes) -> GatewayEvent:
    """It names the refund by its own number, and the payment by UnionPay's; ours came along in the reserved field."""
    code, reserved = text(params["respCode"]), params.get("reqReserved", "")
    return GatewayEvent(
        kind=EventKind.REFUND,
        event_key=_fact("refund", params),
        claims=claims,
        payment_no=reserved if OUR_NUMBER.fullmatch(reserved) else "",
        refund_no=text(params["orderId"]),
        gateway_trade_no=params.get("origQryId", ""),
        amount_fen=fen_of(params),
        currency=currency_of(params),
        outcome=outcome_of(code),
        occurred_at=moment_of(params),
        native_state=code,
        code=code,
        message=params.get("respMsg", ""),
        raw=raw,
    )


def _fact(kind: str, params: Mapping[str, str]) -> str:
    names = ("merId", "orderId", "txnTime", "queryId", "txnType", "respCode")
    return fact_key(kind, *(params.get(name, "") for name in names))
