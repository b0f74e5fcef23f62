"""Alipay's side in a test: signs answers and notifications with Alipay's published test key."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from payments.gateways import AccountConfig, CreateRequest, Environment, InboundRequest, PaymentRef, RefundRequest
from payments.gateways.alipay import AlipayGateway
from payments.gateways.calls import RefundRef
from payments.gateways.transport import Response

VECTORS = Path(__file__).parents[1] / "vectors" / "alipay"
APP_ID, SELLER_ID = "2021001234567890", "2088001234567890"
ADDRESS = "http://127.0.0.1:8001/gateway.do"
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # noon in Beijing
PAYMENT_NO, REFUND_NO, TRADE_NO = "P2026112200000001", "R2026112200000001", "2026112222001400000000000001"


def vector(name: str) -> str:
    return (VECTORS / name).read_text("utf-8")


APP_PRIVATE_KEY = vector("fzlee/app/app_private_key.pem")
APP_PUBLIC_KEY = vector("fzlee/app/app_public_key.pem")
ALIPAY_PRIVATE_KEY = vector("fzlee/ali/ali_private_key.pem")
ALIPAY_PUBLIC_KEY = vector("fzlee/ali/ali_public_key.pem")


def private_key(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


ALIPAY = private_key(ALIPAY_PRIVATE_KEY)


def signature(content: bytes, *, key: RSAPrivateKey = ALIPAY, algorithm: HashAlgorithm | None = None) -> str:
    return b64encode(key.sign(content, PKCS1v15(), algorithm or SHA256())).decode()


def answer(method: str, *, signed: bool = True, **content: Any) -> bytes:
    """An answer of gateway.do, signed over the characters it is written in."""
    raw = json.dumps(content, ensure_ascii=False)
    ending = f',"sign":"{signature(raw.encode())}"' if signed else ""
    return f'{{"{method.replace(".", "_")}_response":{raw}{ending}}}'.encode()


def form(told: Mapping[str, str], *, charset: str = "utf-8", sign_it: bool = True) -> bytes:
    """The body of a notification; `sign` and `sign_type` are not part of what is signed."""
    fields = {"charset": charset, **told}
    content = "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if value)
    signed = {"sign_type": "RSA2", "sign": signature(content.encode(charset)) if sign_it else "AAAA"}
    return urlencode({**fields, **signed}, encoding=charset).encode()


def news(**changes: str) -> dict[str, str]:
    """The fields of a notification of a payment of 99.00 yuan."""
    return {
        "notify_type": "trade_status_sync",
        "notify_id": "2026112200222120000000000001",
        "notify_time": "2026-11-22 12:00:01",
        "app_id": APP_ID,
        "auth_app_id": APP_ID,
        "seller_id": SELLER_ID,
        "trade_no": TRADE_NO,
        "out_trade_no": PAYMENT_NO,
        "buyer_id": "2088000000000001",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "99.00",
        "subject": "保温杯 500ml",
        "gmt_payment": "2026-11-22 12:00:00",
        **changes,
    }


def inbound(body: bytes, *, content_type: str = "application/x-www-form-urlencoded; charset=utf-8") -> InboundRequest:
    return InboundRequest(headers={"Content-Type": content_type}, body=body, received_at=NOON)


Reply = Callable[["Sent"], Response]


class Sent:
    """One request as it went over the wire."""

    def __init__(self, *, method: str, url: str, headers: Mapping[str, str], content: bytes) -> None:
        self.http_method, self.url, self.headers, self.content = method, url, headers, content
        self.query = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
        self.form = dict(parse_qsl(content.decode(), strict_parsing=True))

    @property
    def method(self) -> str:
        return self.query["method"]

    @property
    def biz_content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.form["biz_content"])
        return content


class Desk:
    """A transport that answers as it is told, and keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.reply: Reply = lambda sent: self.signed_reply(sent, code="10000", msg="Success")

    def send(self, *, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Response:
        self.sent.append(Sent(method=method, url=url, headers=headers, content=content))
        return self.reply(self.sent[-1])

    def answers(self, **content: object) -> None:
        self.reply = lambda sent: self.signed_reply(sent, **content)

    def succeeds(self, **content: object) -> None:
        self.answers(code="10000", msg="Success", **content)

    def fails(self, sub_code: str, *, code: str = "40004") -> None:
        self.answers(code=code, msg="Business Failed", sub_code=sub_code, sub_msg="…")

    def answers_raw(self, body: bytes, *, status: int = 200, **headers: str) -> None:
        self.reply = lambda _sent: Response(status=status, headers=headers, body=body)

    def breaks(self, error: Exception) -> None:
        def reply(_sent: Sent) -> Response:
            raise error

        self.reply = reply

    def signed_reply(self, sent: Sent, **content: Any) -> Response:
        return Response(status=200, headers={}, body=answer(sent.method, **content))

    def gateway(self, **changes: Any) -> AlipayGateway:
        return AlipayGateway(config=config(**changes), transport=self, clock=lambda: NOON)


def config(
    *,
    environment: Environment = Environment.SANDBOX,
    base_url: str = ADDRESS,
    **values: str,
) -> AccountConfig:
    """An account in order, unless told otherwise."""
    settings = {"app_id": APP_ID, "seller_id": SELLER_ID}
    credentials = {"private_key": APP_PRIVATE_KEY, "alipay_public_key": ALIPAY_PUBLIC_KEY}
    return AccountConfig(
        environment=environment,
        settings=settings | {name: value for name, value in values.items() if name in settings},
        credentials=credentials | {name: value for name, value in values.items() if name in credentials},
        base_url=base_url,
    )


def create_request(**changes: Any) -> CreateRequest:
    return CreateRequest(
        **{
            "payment_no": PAYMENT_NO,
            "amount_fen": 9_900,
            "subject": "保温杯 500ml",
            "method": "qr",
            "notify_url": "https://shop.example/webhooks/k/",
            "return_url": "https://shop.example/pay/t/",
            "created_at": NOON,
            "expires_at": NOON + timedelta(minutes=15),
            **changes,
        }
    )


def payment_ref() -> PaymentRef:
    return PaymentRef(payment_no=PAYMENT_NO, created_at=NOON)


def refund_request(**changes: Any) -> RefundRequest:
    return RefundRequest(
        **{
            "refund_no": REFUND_NO,
            "payment_no": PAYMENT_NO,
            "amount_fen": 3_000,
            "total_fen": 9_900,
            "reason": "质量问题",
            "created_at": NOON,
            **changes,
        }
    )


def refund_ref() -> RefundRef:
    return RefundRef(refund_no=REFUND_NO, payment_no=PAYMENT_NO, created_at=NOON)
