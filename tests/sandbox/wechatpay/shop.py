"""A merchant who speaks APIv3 by its book: a third implementation, kept as plain as can be."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificates

from sandbox.app import Sandbox
from sandbox.courier import Letter
from sandbox.web import Request, Response

NOTIFY_URL = "https://shop.example/webhooks/key/"
PAY = "/v3/pay/transactions"
REFUNDS = "/v3/refund/domestic/refunds"
Content = dict[str, Any]


@dataclass
class Reply:
    """What the gateway answered."""

    response: Response

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def content(self) -> Content:
        found: Content = json.loads(self.response.body or b"{}")
        return found

    @property
    def verdict(self) -> tuple[int, str]:
        return self.status, str(self.content.get("code", ""))

    @property
    def serial(self) -> str:
        return self.response.headers.get("Wechatpay-Serial", "")


class Shop:
    """Signs requests with the merchant's key, and checks what is signed by WeChat Pay."""

    def __init__(self, sandbox: Sandbox, *, mchid: str = "") -> None:
        self.sandbox = sandbox
        query = f"mchid={mchid}&gateway=wechatpay"
        self.credentials: dict[str, str] = self.ask("GET", f"/sandbox/credentials.json?{query}")["wechatpay"]
        private = load_pem_private_key(
            self.credentials["merchant_private_key"].encode(), None, unsafe_skip_rsa_key_validation=True
        )
        assert isinstance(private, RSAPrivateKey)
        self.key = private
        self.mchid, self.appid = self.credentials["mchid"], self.credentials["appid"]
        self.wants = self.credentials["public_key_id"]

    def known_keys(self) -> dict[str, RSAPublicKey]:
        """By serial, as the merchant's console shows them now."""
        told = self.ask("GET", f"/sandbox/credentials.json?mchid={self.mchid}")["wechatpay"]
        found: dict[str, Any] = {}
        if told["public_key"]:
            found[told["public_key_id"]] = load_pem_public_key(told["public_key"].encode())
        if told["platform_certificates"]:
            papers = load_pem_x509_certificates(told["platform_certificates"].encode())
            found |= {f"{paper.serial_number:040X}": paper.public_key() for paper in papers}
        return found

    def sign(self, content: bytes) -> str:
        return b64encode(self.key.sign(content, PKCS1v15(), SHA256())).decode()

    def parts(self, method: str, target: str, body: bytes = b"", /, **changed: str) -> dict[str, str]:
        """The parameters of an Authorization; name any to change it before it is signed."""
        parts = {
            "mchid": self.mchid,
            "nonce_str": uuid4().hex,
            "timestamp": str(int(self.sandbox.box.clock.now())),
            "serial_no": self.credentials["merchant_serial"],
        } | changed
        text = f"{method}\n{target}\n{parts['timestamp']}\n{parts['nonce_str']}\n".encode() + body + b"\n"
        return {**parts, "signature": changed.get("signature") or self.sign(text)}

    def headers(self, parts: dict[str, str]) -> dict[str, str]:
        written = ",".join(f'{name}="{value}"' for name, value in parts.items())
        headers = {
            "accept": "application/json",
            "user-agent": "shop/1",
            "authorization": f"WECHATPAY2-SHA256-RSA2048 {written}",
        }
        return headers | ({"wechatpay-serial": self.wants} if self.wants else {})

    def send(self, method: str, target: str, body: bytes, headers: dict[str, str], *, address: str = "") -> Reply:
        split = urlsplit(target)
        request = Request(
            method,
            unquote(split.path),
            split.query,
            body,
            "application/json" if body else "",
            headers=headers,
            sent_target=target,
            address=address,
        )
        return Reply(self.sandbox.respond(request))

    def call(self, method: str, target: str, content: Content | None = None, /, **changed: str) -> Reply:
        body = b"" if content is None else json.dumps(content, ensure_ascii=False).encode()
        return self.send(method, target, body, self.headers(self.parts(method, target, body, **changed)))

    def order(self, number: str = "ORDER1", /, **changed: Any) -> Content:
        content = {
            "appid": self.appid,
            "mchid": self.mchid,
            "description": "茶叶 100g",
            "out_trade_no": number,
            "notify_url": NOTIFY_URL,
            "amount": {"total": 100, "currency": "CNY"},
        }
        return content | changed

    def native(self, number: str = "ORDER1", /, **changed: Any) -> Reply:
        return self.call("POST", f"{PAY}/native", self.order(number, **changed))

    def query(self, number: str = "ORDER1") -> Reply:
        return self.call("GET", f"{PAY}/out-trade-no/{number}?mchid={self.mchid}")

    def close(self, number: str = "ORDER1") -> Reply:
        return self.call("POST", f"{PAY}/out-trade-no/{number}/close", {"mchid": self.mchid})

    def refund(self, number: str = "REFUND1", amount: int = 40, /, **changed: Any) -> Reply:
        content = {
            "out_trade_no": "ORDER1",
            "out_refund_no": number,
            "notify_url": NOTIFY_URL,
            "amount": {"refund": amount, "total": 100, "currency": "CNY"},
        }
        return self.call("POST", REFUNDS, content | changed)

    def refund_query(self, number: str = "REFUND1") -> Reply:
        return self.call("GET", f"{REFUNDS}/{number}")

    def paid(self, number: str = "ORDER1", /, **wishes: Any) -> Content:
        """An order that a buyer has paid, told to the merchant."""
        self.native(number)
        paid: Content = self.console("pay", number, **wishes)
        self.sandbox.courier.deliver_due()
        return paid

    def console(self, action: str, number: str = "ORDER1", /, **wishes: Any) -> Any:
        return self.ask("POST", f"/sandbox/trades/{number}/{action}", **wishes)

    def keys_do(self, action: str, **wishes: Any) -> Any:
        return self.ask("POST", f"/sandbox/wechatpay/accounts/{self.mchid}/{action}", **wishes)

    def ask(self, method: str, path: str, /, **content: Any) -> Any:
        """The sandbox's own interface."""
        path, _, query = path.partition("?")
        response = self.sandbox.respond(Request(method, path, query, json.dumps(content).encode()))
        answered = json.loads(response.body)
        return answered | {"status": response.status} if response.status >= 400 else answered

    def control(self, fault: str, **wishes: Any) -> Any:
        return self.ask("POST", "/sandbox/controls", fault=fault, **wishes)

    def trusts(self, body: bytes, headers: Any) -> bool:
        """Whether WeChat Pay signed these bytes, with a key that the merchant knows."""
        key = self.known_keys().get(headers.get("Wechatpay-Serial", ""))
        text = f"{headers.get('Wechatpay-Timestamp')}\n{headers.get('Wechatpay-Nonce')}\n".encode() + body + b"\n"
        try:
            if key is None:
                return False
            key.verify(b64decode(headers.get("Wechatpay-Signature", "")), text, PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True

    def trusts_answer(self, reply: Reply) -> bool:
        return self.trusts(reply.response.body, reply.response.headers)

    def trusts_letter(self, letter: Letter) -> bool:
        return self.trusts(letter.body, letter.headers)

    def unseal(self, sealed: Content) -> bytes:
        key, context = self.credentials["api_v3_key"].encode(), sealed["associated_data"].encode()
        return AESGCM(key).decrypt(sealed["nonce"].encode(), b64decode(sealed["ciphertext"]), context)

    def read(self, letter: Letter) -> tuple[str, Content]:
        """A notification's type, and what is in it."""
        notice = json.loads(letter.body)
        return notice["event_type"], json.loads(self.unseal(notice["resource"]))
