"""Notifications and answers. The first byte chooses who is asked, and whether the signature counts as good."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from payments.gateways import (
    ConfigError,
    ForgedNotification,
    Gateway,
    InboundRequest,
    StatementRequest,
    UnknownKey,
    Unreadable,
)
from payments.gateways.alipay import AlipayGateway
from payments.gateways.alipay.keyring import Keyring, Verdict
from payments.gateways.transport import Response
from payments.gateways.unionpay import UnionpayGateway
from payments.gateways.unionpay.trust import Judge
from payments.gateways.wechatpay import WechatpayGateway
from payments.gateways.wechatpay.platform import PlatformKey
from tests.gateways.alipay import desk as alipay
from tests.gateways.unionpay import desk as unionpay
from tests.gateways.wechatpay import desk as wechatpay

from .judging import check_storable, only

REFUSALS = (ForgedNotification, UnknownKey, Unreadable, ConfigError)
SIGNERS = tuple(f"payments.gateways.{name}.client.sign" for name in ("alipay", "wechatpay", "unionpay"))
SIGNER = PlatformKey(kind="", text="", serial="", key=wechatpay.PLATFORM.public_key())
BELIEVED, ANSWER, SEALED, HEADERS = 1, 2, 4, 8
EVENT_TYPES = ("TRANSACTION.SUCCESS", "REFUND.SUCCESS", "PAYSCORE.USER_PAID")

for path in SIGNERS:  # a signature takes a thousand times as long as the parser
    patch(path, lambda **_told: "AAAA").start()


@contextmanager
def believed(*, is_so: bool) -> Iterator[None]:
    """Behind the signatures lies most of a parser, and no fuzzer forges one."""
    if not is_so:
        yield
        return
    with (
        patch.object(Keyring, "judge", lambda *_args, **_told: Verdict.GENUINE),
        patch.object(Judge, "believe", lambda *_args, **_told: None),
        patch("payments.gateways.wechatpay.answer.authenticate", lambda **_told: SIGNER),
        patch("payments.gateways.wechatpay.notification.authenticate", lambda **_told: SIGNER),
    ):
        yield


class Wire:
    """A transport on which the same bytes answer every call."""

    def __init__(self) -> None:
        self.response = Response(status=200, headers={}, body=b"")

    def send(self, **_request: Any) -> Response:
        return self.response

    def fetch(self, **_request: Any) -> Response:
        return self.response


WIRE = Wire()
ALIPAY = AlipayGateway(config=alipay.config(), transport=WIRE, clock=lambda: alipay.NOON, files=WIRE)
WECHATPAY = WechatpayGateway(config=wechatpay.config(), transport=WIRE, clock=lambda: wechatpay.NOON)
UNIONPAY = UnionpayGateway(config=unionpay.config(), transport=WIRE, clock=lambda: unionpay.NOON)


def feed_alipay(data: bytes) -> None:
    flags, body = data[:1], data[1:]
    _feed(ALIPAY, alipay, flags=flags[0] if flags else 0, body=body)


def feed_unionpay(data: bytes) -> None:
    flags, body = data[:1], data[1:]
    _feed(UNIONPAY, unionpay, flags=flags[0] if flags else 0, body=body)


def feed_wechatpay(data: bytes) -> None:
    flags, body = data[0] if data else 0, data[1:]
    if flags & SEALED:
        body = _sealed(body, event_type=EVENT_TYPES[(flags >> 4) % len(EVENT_TYPES)])
    _feed(WECHATPAY, wechatpay, flags=flags, body=body)


def _sealed(clear: bytes, *, event_type: str) -> bytes:
    return json.dumps({"id": "EV-1", "event_type": event_type, "resource": wechatpay.sealed(clear)}).encode()


def _feed(gateway: Gateway, desk: Any, *, flags: int, body: bytes) -> None:
    headers: Mapping[str, str] = {}
    if flags & HEADERS:
        head, _blank, body = body.partition(b"\n\n")
        headers = dict(line.split(":", 1) for line in head.decode("latin-1").split("\n") if ":" in line)
    with believed(is_so=bool(flags & BELIEVED)):
        if flags & ANSWER:
            _answer(gateway, desk, Response(status=200, headers=headers, body=body))
        else:
            _notify(gateway, InboundRequest(headers=headers, body=body, received_at=desk.NOON))


def _notify(gateway: Gateway, request: InboundRequest) -> None:
    with only(*REFUSALS):
        check_storable(gateway.parse_notification(request=request))


def _answer(gateway: Gateway, desk: Any, response: Response) -> None:
    """An answer may be one to any question; only the account's own faults are raised."""
    WIRE.response = response
    calls: tuple[Callable[[], Any], ...] = (
        lambda: gateway.create(request=desk.create_request())[0],
        lambda: gateway.query(ref=desk.payment_ref()),
        lambda: gateway.close(ref=desk.payment_ref()),
        lambda: gateway.refund(request=desk.refund_request()),
        lambda: gateway.query_refund(ref=desk.refund_ref()),
        lambda: gateway.statement(request=StatementRequest(day=desk.NOON.date())),
    )
    for call in calls:
        with only(ConfigError):
            check_storable(call())
    with only(ConfigError):
        gateway.fetch_keys(serial="00")


def _seed(flags: int, body: bytes) -> bytes:
    return bytes([flags]) + body


def alipay_seeds() -> list[bytes]:
    sent = [
        alipay.form(alipay.news()),
        alipay.form(alipay.news(refund_fee="30.00", gmt_refund="2026-11-22 13:00:00.123", out_biz_no="R1")),
        alipay.form(alipay.news(trade_status="TRADE_CLOSED", gmt_close="2026-11-22 13:00:00"), charset="gbk"),
        alipay.form({"service": "alipay.service.check", "notify_type": "other"}),
    ]
    told: list[tuple[str, dict[str, Any]]] = [
        ("alipay.trade.query", {"trade_status": "TRADE_SUCCESS", "total_amount": "99.00"}),
        ("alipay.trade.refund", {"refund_fee": "30.00", "fund_change": "Y"}),
        ("alipay.trade.fastpay.refund.query", {"refund_amount": "30.00", "refund_status": "REFUND_SUCCESS"}),
        ("alipay.trade.precreate", {"qr_code": "https://qr.alipay.com/bax"}),
        ("alipay.data.dataservice.bill.downloadurl.query", {"bill_download_url": "http://x.alipay.com/a.zip"}),
    ]
    common: dict[str, Any] = {
        "code": "10000",
        "msg": "Success",
        "out_trade_no": alipay.PAYMENT_NO,
        "trade_no": alipay.TRADE_NO,
    }
    answers = [alipay.answer(method, **(common | content)) for method, content in told]
    return [_seed(BELIEVED, it) for it in sent] + [_seed(0, sent[0])] + [_seed(BELIEVED | ANSWER, it) for it in answers]


def wechatpay_seeds() -> list[bytes]:
    sent = wechatpay.inbound(wechatpay.notice(wechatpay.trade()))
    head = "".join(f"{name}:{value}\n" for name, value in sent.headers.items()).encode() + b"\n"
    date = b"Date: Sun, 22 Nov 2026 04:00:00 GMT\n\n"
    answers = [
        wechatpay.trade(),
        wechatpay.refund(),
        {"code_url": "weixin://wxpay/bizpayurl?pr=1"},
        {"download_url": "https://x/y?token=1", "hash_type": "SHA1", "hash_value": "a" * 40},
        {"data": [{"serial_no": "7A", "encrypt_certificate": wechatpay.sealed(b"-----BEGIN", context="certificate")}]},
        {"code": "PARAM_ERROR", "message": "\u53c2\u6570"},
    ]
    return [
        _seed(BELIEVED, sent.body),
        _seed(HEADERS, head + sent.body),
        _seed(BELIEVED | SEALED, json.dumps(wechatpay.trade()).encode()),
        _seed(BELIEVED | SEALED | 1 << 4, json.dumps(wechatpay.refund_news()).encode()),
        _seed(BELIEVED | SEALED | 2 << 4, b'{"out_order_no": "1"}'),
        _seed(BELIEVED | ANSWER | HEADERS, date + json.dumps(answers[0]).encode()),
        *(_seed(BELIEVED | ANSWER, json.dumps(it).encode()) for it in answers),
    ]


def unionpay_seeds() -> list[bytes]:
    news = unionpay.seal(unionpay.news())
    refund = unionpay.seal(unionpay.news(txnType="04", orderId=unionpay.REFUND_NO, origQryId=unionpay.QUERY_ID))
    answers = [
        {"respCode": "00", "origRespCode": "00", **unionpay.news(txnType="01")},
        {"respCode": "00", "orderId": unionpay.PAYMENT_NO, "txnTime": "20261122120000", "qrCode": "https://qr/1"},
        {"respCode": "34", "respMsg": "a[b&c=d]{e}"},
        {"respCode": "00", "fileName": "a.zip", "fileContent": "eJwDAAAAAAE="},
    ]
    return [
        _seed(0, unionpay.inbound(news).body),
        _seed(BELIEVED, unionpay.inbound(news).body),
        _seed(BELIEVED, unionpay.inbound(unionpay.seal(unionpay.news(), charset="gbk"), charset="gbk").body),
        _seed(BELIEVED, unionpay.inbound(refund).body),
        _seed(ANSWER, unionpay.plain(unionpay.seal(answers[0]))),
        *(_seed(BELIEVED | ANSWER, unionpay.plain({**it, "signature": "AA"})) for it in answers),
    ]
