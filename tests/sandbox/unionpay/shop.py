"""A shop that speaks ACP 5.1.0 by its book: a third implementation, kept as plain as can be."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from sandbox.app import Sandbox
from sandbox.web import FORM, Request, Response

FRONT_URL = "https://shop.example/return/"
BACK_URL = "https://shop.example/webhooks/key/"
COMPANY = "中国银联股份有限公司"
BEIJING = timezone(timedelta(hours=8))


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, BEIJING).strftime("%Y%m%d%H%M%S")


def text_of(fields: dict[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if value and name != "signature")


def parse(text: str) -> dict[str, str]:
    """Split at `&` outside braces and at the first `=`: an answer is not URL-encoded."""
    return dict(part.split("=", 1) for part in re.split(r"&(?![^{]*\})", text))


@dataclass
class Reply:
    response: Response

    @property
    def fields(self) -> dict[str, str]:
        return parse(self.response.body.decode())

    @property
    def code(self) -> str:
        return self.fields["respCode"]


class Shop:
    """Signs with the PFX file, and trusts what chains to the root."""

    def __init__(self, sandbox: Sandbox, *, mer_id: str = "") -> None:
        self.sandbox = sandbox
        query = f"?gateway=unionpay&app_id={mer_id}" if mer_id else "?gateway=unionpay"
        self.credentials: dict[str, str] = self.ask("GET", f"/sandbox/credentials.json{query}")["unionpay"]
        password = self.credentials["merchant_pfx_password"].encode()
        opened = load_pkcs12(b64decode(self.credentials["merchant_pfx"]), password)
        assert isinstance(opened.key, RSAPrivateKey)
        assert opened.cert
        self.key, self.cert_id = opened.key, str(opened.cert.certificate.serial_number)

    @property
    def now(self) -> str:
        return stamp(self.sandbox.box.clock.now())

    def base(self, kind: str, sub_kind: str, **more: str) -> dict[str, str]:
        return {
            "version": "5.1.0",
            "encoding": "UTF-8",
            "signMethod": "01",
            "certId": self.cert_id,
            "txnType": kind,
            "txnSubType": sub_kind,
            "bizType": "000000",
            "accessType": "0",
            "channelType": "08",
            "merId": self.credentials["mer_id"],
            "txnTime": self.now,
            **more,
        }

    def order(self, order_id: str = "PAY00000001", fen: int = 100, **more: str) -> dict[str, str]:
        named = {"orderId": order_id, "txnAmt": str(fen), "currencyCode": "156", "backUrl": BACK_URL}
        return self.base("01", "07", **named, **more)

    def page(self, order_id: str = "PAY00000001", fen: int = 100, **more: str) -> dict[str, str]:
        changed = {"txnSubType": "01", "bizType": "000201", "frontUrl": FRONT_URL}
        return self.order(order_id, fen) | changed | more

    def signature(self, fields: dict[str, str]) -> str:
        digest = sha256(text_of(fields).encode()).hexdigest()
        return b64encode(self.key.sign(digest.encode(), PKCS1v15(), SHA256())).decode()

    def signed(self, fields: dict[str, str]) -> dict[str, str]:
        return fields | {"signature": self.signature(fields)}

    def post(self, path: str, fields: dict[str, str]) -> Response:
        return self.sandbox.respond(Request("POST", path, "", urlencode(fields).encode(), FORM))

    def back(self, fields: dict[str, str]) -> Reply:
        return Reply(self.post("/gateway/api/backTransReq.do", self.signed(fields)))

    def front(self, fields: dict[str, str]) -> Response:
        return self.post("/gateway/api/frontTransReq.do", self.signed(fields))

    def query(self, order_id: str = "PAY00000001", *, txn_time: str) -> Reply:
        fields = self.base("00", "00", orderId=order_id, txnTime=txn_time)
        return Reply(self.post("/gateway/api/queryTrans.do", self.signed(fields)))

    def give_back(self, order_id: str, fen: int, *, of: str, kind: str = "04", **more: str) -> Reply:
        """A refund, or with `31` an undoing."""
        named = {"orderId": order_id, "txnAmt": str(fen), "origQryId": of, "backUrl": BACK_URL}
        return self.back(self.base(kind, "00", **named, **more))

    def statement(self, settle_date: str) -> Reply:
        fields = self.base("76", "01", settleDate=settle_date, fileType="00")
        return Reply(self.post("/file/", self.signed(fields)))

    def paid(self, order_id: str = "PAY00000001", fen: int = 100) -> str:
        """An order that a buyer has paid, told to the shop; its queryId."""
        assert self.back(self.order(order_id, fen)).code == "00"
        paid = self.console("pay", order_id)
        self.sandbox.courier.deliver_due()
        return str(paid["trade_no"])

    def console(self, action: str, order_id: str = "PAY00000001", /, **wishes: Any) -> Any:
        return self.ask("POST", f"/sandbox/trades/{order_id}/{action}", **wishes)

    def control(self, fault: str, **wishes: Any) -> Any:
        return self.ask("POST", "/sandbox/controls", fault=fault, **wishes)

    @property
    def ledger(self) -> Any:
        return self.ask("GET", "/sandbox/ledger.json")["unionpay"]

    def ask(self, method: str, path: str, /, **content: Any) -> Any:
        """The sandbox's own interface."""
        path, _, query = path.partition("?")
        response = self.sandbox.respond(Request(method, path, query, json.dumps(content).encode()))
        answered = json.loads(response.body)
        return answered | {"status": response.status} if response.status >= 400 else answered

    def trusts(self, fields: dict[str, str], *, suffix: str = "") -> bool:
        """
        Whether UnionPay said this: the chain first, then the signature.

        :param suffix: `_sha1` for the chain signed with SHA-1
        """
        chain = [self.credentials[f"{name}_certificate{suffix}"] for name in ("middle", "root")]
        middle, root = (x509.load_pem_x509_certificate(text.encode()) for text in chain)
        try:
            leaf = x509.load_pem_x509_certificate(fields["signPubKeyCert"].encode())
            for certificate, issuer in ((leaf, middle), (middle, root), (root, root)):
                check_issued(certificate, issuer)
            check_leaf(leaf, at=self.sandbox.box.clock.now())
            digest = sha256(text_of(fields).encode()).hexdigest()
            rsa(leaf).verify(b64decode(fields["signature"]), digest.encode(), PKCS1v15(), SHA256())
        except (KeyError, ValueError, InvalidSignature):
            return False
        return True


def rsa(certificate: x509.Certificate) -> RSAPublicKey:
    key = certificate.public_key()
    assert isinstance(key, RSAPublicKey)
    return key


def check_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    algorithm = certificate.signature_hash_algorithm
    assert algorithm
    rsa(issuer).verify(certificate.signature, certificate.tbs_certificate_bytes, PKCS1v15(), algorithm)
    if certificate.issuer != issuer.subject:
        raise ValueError(certificate.issuer)
    if not issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
        raise ValueError(issuer.subject)


def check_leaf(leaf: x509.Certificate, *, at: float) -> None:
    if not leaf.not_valid_before_utc.timestamp() <= at <= leaf.not_valid_after_utc.timestamp():
        raise ValueError("dates")
    name = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    if str(name).split("@")[2] != COMPANY:
        raise ValueError(name)
