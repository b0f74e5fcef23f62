from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from sandbox import faults
from sandbox.box import Box
from sandbox.unionpay.accounts import Merchant
from sandbox.unionpay.refusals import Refused, Unproven, malformed, missing
from sandbox.unionpay.signing import verifies
from sandbox.unionpay.times import from_stamp
from sandbox.web import FORM, Request

ORDER_ID = re.compile(r"[0-9A-Za-z]{8,40}", re.ASCII)
AMOUNT = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
UNWELCOME = set("&={}[]\"'")  # would break the answer, which is not URL-encoded
BIZ_TYPES = {"000000", "000201", "000301"}
FIXED = {"version": "5.1.0", "signMethod": "01", "accessType": "0"}


@dataclass(frozen=True)
class Call:
    """A merchant's request whose signature has been verified."""

    merchant: Merchant
    api: str
    fields: Mapping[str, str]

    @property
    def order_id(self) -> str:
        return self.fields.get("orderId", "")

    def need(self, name: str) -> str:
        value = self.fields.get(name, "")
        if not value:
            raise missing(name)
        return value

    def one_of(self, name: str, *allowed: str) -> str:
        value = self.need(name)
        if value not in allowed:
            raise malformed(name)
        return value

    def amount(self) -> int:
        """In fen, a whole number without a point."""
        value = self.need("txnAmt")
        if not AMOUNT.fullmatch(value):
            raise malformed("txnAmt")
        return int(value)

    def url(self, name: str, *, required: bool = True) -> str:
        value = self.need(name) if required else self.fields.get(name, "")
        if len(value) > 256 or (value and not value.startswith(("http://", "https://"))):
            raise malformed(name)
        return value

    def reserved(self) -> str:
        value = self.fields.get("reqReserved", "")
        if len(value) > 1024 or UNWELCOME & set(value):
            raise malformed("reqReserved")
        return value

    def time(self, name: str) -> float:
        try:
            return from_stamp(self.need(name))
        except ValueError:
            raise malformed(name) from None


def authenticate(box: Box, request: Request, *, apis: Mapping[tuple[str, str], str]) -> Call:
    """
    Make sure that a known merchant signed this request.

    :param apis: what this address does, by `txnType` and `txnSubType`
    :raises Refused: if not, or if what every request needs is missing
    """
    fields = _fields(request)
    merchant = box.unionpay.by_cert_id(fields.get("certId", ""))
    key = merchant.key_of(fields["certId"]) if merchant else None
    if merchant is None or key is None:
        raise Unproven("11", "9100004 certId")
    if not verifies(fields, key.public_key()):
        raise Unproven("11", "9100004 signature")
    if fields.get("merId") != merchant.mer_id:
        raise Unproven("11", "9100004 merId")
    api = apis.get((fields.get("txnType", ""), fields.get("txnSubType", "")))
    if api is None:
        raise malformed("txnType")
    call = Call(merchant, api, fields)
    _check_common(call)
    return call


def _fields(request: Request) -> dict[str, str]:
    """Only the body counts: what stands in an address is not signed."""
    if not request.content_type.startswith(FORM):
        raise Unproven("10", "Content-Type")
    try:
        pairs = parse_qsl(request.body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict")
    except UnicodeDecodeError:
        raise Unproven("10", "encoding") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Unproven("10", "duplicate")
    return fields


def _check_common(call: Call) -> None:
    for name, value in FIXED.items():
        call.one_of(name, value)
    if call.need("encoding").upper() != "UTF-8":
        raise malformed("encoding")
    call.one_of("bizType", *BIZ_TYPES)
    if call.api != "unionpay.file" and not ORDER_ID.fullmatch(call.need("orderId")):
        raise malformed("orderId")
    call.time("txnTime")


def check_txn_time(box: Box, call: Call, *, scope: str) -> None:
    """
    Refuse a request that was not made just now.

    :raises Refused: if `txnTime` is not the Beijing time of this moment
    """
    off = abs(box.clock.now() + faults.skew(box, scope=scope) - call.time("txnTime"))
    if 0 < box.options.clock_window < off:
        raise Refused("39", f"txnTime {off:.0f}s")
