"""WeChat Pay's side in a test: signs answers and notifications with WeChat Pay's published test key."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from payments.gateways import (
    AccountConfig,
    CreateRequest,
    Environment,
    InboundRequest,
    PaymentRef,
    RefundRef,
    RefundRequest,
)
from payments.gateways.transport import Response
from payments.gateways.wechatpay import WechatpayGateway
from tests.gateways.metering import Meter

VECTORS = Path(__file__).parents[1] / "vectors" / "wechat"
MCHID, APPID, PUBLIC_KEY_ID = "1900000001", "wx0123456789abcdef", "PUB_KEY_ID_0119000000012026112200000001"
ADDRESS = "http://127.0.0.1:8001"
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # noon in Beijing
PAYMENT_NO, REFUND_NO = "P2026112200000001", "R2026112200000001"
TRADE_NO, GATEWAY_REFUND_NO = "4200000000202611220000000001", "50000000002026112200000000001"
APIV3_KEY, APP_SECRET = "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb", "0123456789abcdef0123456789abcdef"
OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
WEBHOOK = "https://shop.example/webhooks/k/"


def vector(name: str) -> str:
    return (VECTORS / name).read_text("utf-8")


MERCHANT_PRIVATE_KEY = vector("java/merchant_private_key.pem")
PLATFORM_PRIVATE_KEY = vector("java/wechat_pay_private_key.pem")
PLATFORM_PUBLIC_KEY = vector("java/wechat_pay_public_key.pem")
OTHER_PRIVATE_KEY = vector("go/testing_private_key.pem")


def private_key(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


MERCHANT, PLATFORM, OTHER = (
    private_key(pem) for pem in (MERCHANT_PRIVATE_KEY, PLATFORM_PRIVATE_KEY, OTHER_PRIVATE_KEY)
)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A certificate to be made."""

    name: str
    key: Literal["merchant", "platform", "other"]
    serial: int
    days: int = 1_000
    begins: datetime = NOON - timedelta(days=100)
    issuer: str = "Tenpay.com Root CA"


@cache
def certificate(wanted: Wanted) -> str:
    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    key = {"merchant": MERCHANT, "platform": PLATFORM, "other": OTHER}[wanted.key]
    builder = x509.CertificateBuilder(named(wanted.issuer), named(wanted.name), key.public_key(), wanted.serial)
    builder = builder.not_valid_before(wanted.begins).not_valid_after(NOON + timedelta(days=wanted.days))
    return builder.sign(PLATFORM, SHA256()).public_bytes(Encoding.PEM).decode()


MERCHANT_SERIAL, PLATFORM_SERIAL = f"5{'1' * 38}A", f"7{'2' * 38}B"
MERCHANT_CERTIFICATE = certificate(Wanted(name=MCHID, key="merchant", serial=int(MERCHANT_SERIAL, 16)))
PLATFORM_CERTIFICATE = certificate(Wanted(name="Tenpay.com sign", key="platform", serial=int(PLATFORM_SERIAL, 16)))


@dataclass(frozen=True, kw_only=True)
class Pen:
    """How WeChat Pay signs."""

    serial: str = PUBLIC_KEY_ID
    key: RSAPrivateKey = field(default=PLATFORM, repr=False)
    at: datetime = NOON
    algorithm: HashAlgorithm = field(default_factory=SHA256)

    def headers(self, body: bytes) -> dict[str, Any]:
        seconds = str(int(self.at.timestamp()))
        signed = f"{seconds}\nNONCE\n".encode() + body + b"\n"
        return {
            "Wechatpay-Timestamp": seconds,
            "Wechatpay-Nonce": "NONCE",
            "Wechatpay-Serial": self.serial,
            "Wechatpay-Signature": b64encode(self.key.sign(signed, PKCS1v15(), self.algorithm)).decode(),
        }


def sealed(clear: bytes, *, apiv3_key: str = APIV3_KEY, context: str = "transaction") -> dict[str, str]:
    ciphertext = AESGCM(apiv3_key.encode()).encrypt(b"0123456789ab", clear, context.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": b64encode(ciphertext).decode(),
        "associated_data": context,
        "nonce": "0123456789ab",
    }


def trade(**changes: Any) -> dict[str, Any]:
    """A payment of 99.00 yuan, of which a coupon paid one."""
    told = {
        "appid": APPID,
        "mchid": MCHID,
        "out_trade_no": PAYMENT_NO,
        "transaction_id": TRADE_NO,
        "trade_type": "NATIVE",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": "OTHERS",
        "success_time": "2026-11-22T12:00:00+08:00",
        "payer": {"openid": OPENID},
        "amount": {"total": 9_900, "payer_total": 9_800, "currency": "CNY", "payer_currency": "CNY"},
    }
    return {name: value for name, value in (told | changes).items() if value is not None}


def refund(**changes: Any) -> dict[str, Any]:
    """A refund of 30.00 as an answer tells it."""
    told = {
        "refund_id": GATEWAY_REFUND_NO,
        "out_refund_no": REFUND_NO,
        "transaction_id": TRADE_NO,
        "out_trade_no": PAYMENT_NO,
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "success_time": "2026-11-22T12:00:00+08:00",
        "create_time": "2026-11-22T11:59:00+08:00",
        "status": "SUCCESS",
        "amount": {"total": 9_900, "refund": 3_000, "payer_total": 9_800, "payer_refund": 2_970, "currency": "CNY"},
    }
    return {name: value for name, value in (told | changes).items() if value is not None}


def refund_news(**changes: Any) -> dict[str, Any]:
    """The same as a notification tells it: other names, no currency, no appid."""
    told = refund(status=None, create_time=None, channel=None) | {
        "mchid": MCHID,
        "refund_status": "SUCCESS",
        "amount": {"total": 9_900, "refund": 3_000, "payer_total": 9_800, "payer_refund": 2_970},
    }
    return {name: value for name, value in (told | changes).items() if value is not None}


def notice(content: Mapping[str, Any], *, event_type: str = "TRANSACTION.SUCCESS", **changes: Any) -> bytes:
    resource = {"original_type": "transaction", **sealed(json.dumps(content, ensure_ascii=False).encode())}
    told = {
        "id": "EV-2026112212000000001",
        "create_time": "2026-11-22T12:00:01+08:00",
        "resource_type": "encrypt-resource",
        "event_type": event_type,
        "summary": "支付成功",
        "resource": resource,
    }
    return json.dumps(told | changes, ensure_ascii=False).encode()


def inbound(
    body: bytes, *, pen: Pen | None = None, at: datetime = NOON, headers: Mapping[str, str] | None = None
) -> InboundRequest:
    return InboundRequest(headers={**(pen or Pen()).headers(body), **(headers or {})}, body=body, received_at=at)


AUTHORIZATION = re.compile(r"WECHATPAY2-SHA256-RSA2048 ((?:[a-z_]+=\"[^\"]*\",?)+)")


class Sent:
    """One request as it went over the wire."""

    def __init__(self, *, method: str, url: str, headers: Mapping[str, str], content: bytes) -> None:
        self.method, self.url, self.headers, self.content = method, url, headers, content

    @property
    def target(self) -> str:
        return "/" + self.url.split("/", 3)[3]

    @property
    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.content)
        return content

    @property
    def authorization(self) -> dict[str, str]:
        match = AUTHORIZATION.fullmatch(self.headers["authorization"])
        assert match is not None
        return dict(re.findall(r"([a-z_]+)=\"([^\"]*)\"", match[1]))


Reply = Callable[[Sent], Response]


class Desk:
    """A transport that answers as it is told, and keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.meter = Meter()
        self.pen = Pen()
        self.replies: list[Reply] = []

    def send(self, *, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Response:
        self.sent.append(Sent(method=method, url=url, headers=headers, content=content))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply(self.sent[-1])

    def answers(self, http_status: int = 200, /, *, pen: Pen | None = None, **content: Any) -> Desk:
        """Signed; what comes after it is answered by the next one, and all the rest by the last."""
        body = json.dumps(content, ensure_ascii=False).encode() if content else b""
        return self.answers_raw(body, status=http_status, **(pen or self.pen).headers(body))

    def fails(self, status: int, code: str, message: str = "…") -> Desk:
        return self.answers(status, code=code, message=message)

    def answers_raw(self, body: bytes, *, status: int = 200, **headers: str) -> Desk:
        headers = {"Request-ID": "08AABB-268435456", **headers}
        self.replies.append(lambda _sent: Response(status=status, headers=headers, body=body))
        return self

    def breaks(self, error: Exception) -> Desk:
        def reply(_sent: Sent) -> Response:
            raise error

        self.replies.append(reply)
        return self

    def gateway(self, **changes: Any) -> WechatpayGateway:
        return WechatpayGateway(config=config(**changes), transport=self, clock=lambda: NOON, meter=self.meter)


SETTINGS = {
    "mode": "public_key",
    "mchid": MCHID,
    "appid": APPID,
    "serial_no": MERCHANT_SERIAL,
    "platform_public_key_id": PUBLIC_KEY_ID,
}
CREDENTIALS = {
    "private_key": MERCHANT_PRIVATE_KEY,
    "apiv3_key": APIV3_KEY,
    "platform_public_key": PLATFORM_PUBLIC_KEY,
    "platform_certificate": "",
    "merchant_certificate": "",
    "app_secret": APP_SECRET,
}
BY_CERTIFICATE: dict[str, Any] = {
    "mode": "certificate",
    "platform_public_key_id": "",
    "platform_public_key": "",
    "platform_certificate": PLATFORM_CERTIFICATE,
}


def config(
    *,
    environment: Environment = Environment.SANDBOX,
    base_url: str = ADDRESS,
    others: Mapping[str, tuple[str, ...]] | None = None,
    **values: str,
) -> AccountConfig:
    """An account in public-key mode and in order, unless told otherwise."""
    settings = SETTINGS | {name: value for name, value in values.items() if name in SETTINGS}
    credentials = CREDENTIALS | {name: value for name, value in values.items() if name in CREDENTIALS}
    return AccountConfig(
        environment=environment,
        settings={name: value for name, value in settings.items() if value},
        credentials={name: value for name, value in credentials.items() if value},
        base_url=base_url,
        others=others or {},
    )


def create_request(**changes: Any) -> CreateRequest:
    return CreateRequest(
        **{
            "payment_no": PAYMENT_NO,
            "amount_fen": 9_900,
            "subject": "保温杯 500ml",
            "method": "qr",
            "notify_url": WEBHOOK,
            "return_url": "https://shop.example/pay/t/?a=1",
            "created_at": NOON,
            "expires_at": NOON + timedelta(minutes=15),
            "client_ip": "203.0.113.9",
            "payer_ref": OPENID,
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
            "notify_url": WEBHOOK,
            **changes,
        }
    )


def refund_ref() -> RefundRef:
    return RefundRef(refund_no=REFUND_NO, payment_no=PAYMENT_NO, created_at=NOON)
