"""UnionPay's side in a test: its own chain of certificates, answers and notifications signed with it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import NameOID

from payments.gateways import AccountConfig, CreateRequest, Environment, InboundRequest, PaymentRef, RefundRequest
from payments.gateways.base import Meter, no_meter
from payments.gateways.calls import RefundRef
from payments.gateways.transport import Response
from payments.gateways.unionpay import UnionpayGateway
from tests.gateways.alipay.desk import ALIPAY_PRIVATE_KEY, APP_PRIVATE_KEY, private_key

VECTORS = Path(__file__).parents[1] / "vectors" / "unionpay"
MER_ID = "777290058110048"
ADDRESS = "http://127.0.0.1:8900/gateway/api/"
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # noon in Beijing
PAYMENT_NO, REFUND_NO, QUERY_ID = "P2026112200000001", "R2026112200000001", "782611221200000674028"
COMPANY = "041@8310000000083040@中国银联股份有限公司@00016495"
SECRET = b"735194"

Fields = dict[str, str]


def published(name: str) -> str:
    return (VECTORS / name).read_text("utf-8")


def published_notification() -> Fields:
    params: Fields = json.loads(published("yansongda/notification_5_1_0.json"))["params"]
    return params


@dataclass(frozen=True)
class Holder:
    """A key, and the certificate that was made for it."""

    key: RSAPrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


def issue(
    name: str,
    key: RSAPrivateKey,
    *,
    by: Holder | None = None,
    ca: bool = False,
    serial: int = 70_000_000_001,
    days: tuple[int, int] = (-100, 900),
) -> Holder:
    """A certificate; its own issuer unless another is named."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        issuer_name=by.certificate.subject if by else subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=serial,
        not_valid_before=NOON + timedelta(days=days[0]),
        not_valid_after=NOON + timedelta(days=days[1]),
    ).add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return Holder(key, builder.sign(by.key if by else key, SHA256()))


OUR_KEY, LEAF_KEY = private_key(APP_PRIVATE_KEY), private_key(ALIPAY_PRIVATE_KEY)
ROOT = issue("Root CA", generate_private_key(65537, 2048), ca=True, serial=1)
MIDDLE = issue("Middle CA", generate_private_key(65537, 2048), by=ROOT, ca=True, serial=2)
LEAF = issue(COMPANY, LEAF_KEY, by=MIDDLE)
OURS = issue("041@Z1@某某商户@00000001", OUR_KEY, by=MIDDLE, serial=68_759_663_125)


def pfx(holder: Holder = OURS, *, password: bytes = SECRET) -> str:
    packed = serialize_key_and_certificates(
        None, holder.key, holder.certificate, None, BestAvailableEncryption(password)
    )
    return b64encode(packed).decode()


PFX = pfx()


def with_crlf(pem: str) -> str:
    return pem.strip().replace("\n", "\r\n")


def seal(fields: Mapping[str, str], *, by: Holder = LEAF, charset: str = "utf-8") -> Fields:
    """The fields with UnionPay's certificate and signature."""
    told = {"version": "5.1.0", "encoding": charset, "signMethod": "01", **fields}
    told["signPubKeyCert"] = with_crlf(by.pem)
    return {**told, "signature": signature(told, key=by.key, charset=charset)}


def signature(fields: Mapping[str, str], *, key: RSAPrivateKey, charset: str = "utf-8") -> str:
    signed = "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if value)
    digits = sha256(signed.encode(charset)).hexdigest().encode()
    return b64encode(key.sign(digits, PKCS1v15(), SHA256())).decode()


def plain(fields: Mapping[str, str]) -> bytes:
    """An answer as UnionPay writes it: not URL-encoded."""
    return "&".join(f"{name}={value}" for name, value in fields.items()).encode()


def news(**changes: str) -> Fields:
    """The fields of a notification of a payment of 99.00 yuan."""
    return {
        "merId": MER_ID,
        "accessType": "0",
        "bizType": "000201",
        "txnType": "01",
        "txnSubType": "01",
        "orderId": PAYMENT_NO,
        "txnTime": "20261122120000",
        "txnAmt": "9900",
        "currencyCode": "156",
        "settleAmt": "9900",
        "settleCurrencyCode": "156",
        "settleDate": "1122",
        "queryId": QUERY_ID,
        "traceNo": "067402",
        "traceTime": "1122120130",
        "respCode": "00",
        "respMsg": "成功[0000000]",
        **changes,
    }


def inbound(fields: Mapping[str, str], *, charset: str = "utf-8", at: datetime = NOON) -> InboundRequest:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return InboundRequest(headers=headers, body=urlencode(fields, encoding=charset).encode(), received_at=at)


class Sent:
    """One request as it went over the wire."""

    def __init__(self, *, method: str, url: str, content: bytes) -> None:
        self.http_method, self.url = method, url
        self.form = dict(parse_qsl(content.decode(), strict_parsing=True))


Reply = Callable[[Sent], Response]


class Desk:
    """A transport that answers as it is told, and keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.reply: Reply = lambda sent: self.sealed(sent, respCode="00", respMsg="成功[0000000]")

    def send(self, *, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Response:
        self.sent.append(Sent(method=method, url=url, content=content))
        return self.reply(self.sent[-1])

    def answers(self, code: str = "00", *, by: Holder = LEAF, **content: Any) -> None:
        self.reply = lambda sent: self.sealed(sent, by=by, respCode=code, respMsg="…", **content)

    def answers_raw(self, body: bytes, *, status: int = 200, **headers: str) -> None:
        self.reply = lambda _sent: Response(status=status, headers=headers, body=body)

    def breaks(self, error: Exception) -> None:
        def reply(_sent: Sent) -> Response:
            raise error

        self.reply = reply

    def sealed(self, sent: Sent, *, by: Holder = LEAF, **content: str) -> Response:
        """UnionPay repeats what it was asked."""
        names = ("txnType", "txnSubType", "bizType", "merId", "orderId", "txnTime", "txnAmt")
        echoed = {name: sent.form[name] for name in names if name in sent.form}
        return Response(status=200, headers={}, body=plain(seal({**echoed, **content}, by=by)))

    def gateway(self, *, at: datetime = NOON, meter: Meter = no_meter, **changes: Any) -> UnionpayGateway:
        return UnionpayGateway(config=config(**changes), transport=self, clock=lambda: at, meter=meter)


def config(
    *,
    environment: Environment = Environment.SANDBOX,
    base_url: str = ADDRESS,
    others: Mapping[str, tuple[str, ...]] | None = None,
    **values: str,
) -> AccountConfig:
    """An account in order, unless told otherwise."""
    settings = {"mode": "", "mer_id": MER_ID, "same_day": ""}
    credentials = {
        "signing_pfx": PFX,
        "pfx_password": SECRET.decode(),
        "private_key": "",
        "signing_cert": "",
        "root_cert": ROOT.pem,
        "middle_cert": MIDDLE.pem,
    }
    assert values.keys() <= {*settings, *credentials}
    return AccountConfig(
        environment=environment,
        settings=settings | {name: value for name, value in values.items() if name in settings},
        credentials=credentials | {name: value for name, value in values.items() if name in credentials},
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
            "notify_url": "https://shop.example/webhooks/k/",
            "return_url": "https://shop.example/pay/t/",
            "created_at": NOON,
            "expires_at": NOON + timedelta(minutes=15),
            **changes,
        }
    )


def payment_ref(*, minutes: int | None = 15) -> PaymentRef:
    """:param minutes: how long there is to pay"""
    expires_at = None if minutes is None else NOON + timedelta(minutes=minutes)
    return PaymentRef(payment_no=PAYMENT_NO, created_at=NOON, expires_at=expires_at)


def refund_request(**changes: Any) -> RefundRequest:
    return RefundRequest(
        **{
            "refund_no": REFUND_NO,
            "payment_no": PAYMENT_NO,
            "amount_fen": 3_000,
            "total_fen": 9_900,
            "reason": "质量问题",
            "created_at": NOON,
            "requested_at": NOON + timedelta(hours=1),
            "gateway_trade_no": QUERY_ID,
            "notify_url": "https://shop.example/webhooks/k/",
            **changes,
        }
    )


def refund_ref(**changes: Any) -> RefundRef:
    return RefundRef(
        **{
            "refund_no": REFUND_NO,
            "payment_no": PAYMENT_NO,
            "created_at": NOON,
            "requested_at": NOON + timedelta(hours=1),
            "gateway_trade_no": QUERY_ID,
            **changes,
        }
    )
