"""A merchant who speaks the protocol by its book: a third implementation, kept as plain as can be."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from sandbox.app import Sandbox
from sandbox.clock import Clock, beijing
from sandbox.courier import Answer, Letter
from sandbox.web import FORM, Request, Response

NOON = 1_790_000_400.0
NOTIFY_URL = "https://shop.example/webhooks/key/"


@dataclass
class Hands:
    """The hands of a clock that move when they are told to."""

    at: float = NOON

    def clock(self) -> Clock:
        return Clock(source=lambda: self.at)

    def pass_by(self, seconds: float) -> None:
        self.at += seconds


@dataclass
class Mailbox:
    """Takes the notifications, and answers as it is told."""

    answer: Answer = field(default_factory=lambda: Answer(200, "success"))
    letters: list[Letter] = field(default_factory=list)

    def __call__(self, letter: Letter) -> Answer:
        self.letters.append(letter)
        return self.answer

    @property
    def forms(self) -> list[dict[str, str]]:
        return [read_form(letter.body) for letter in self.letters]


def read_form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True))


@dataclass
class Reply:
    """What the gateway answered."""

    response: Response
    method: str

    @property
    def text(self) -> str:
        return self.response.body.decode()

    @property
    def whole(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.text)
        return content

    @property
    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = (
            self.whole.get(f"{self.method.replace('.', '_')}_response") or self.whole["error_response"]
        )
        return found

    @property
    def verdict(self) -> str:
        return str(self.content.get("sub_code", self.content["code"]))


class Merchant:
    """Signs calls with the app's key, and checks what is signed by Alipay."""

    def __init__(self, sandbox: Sandbox, *, app_id: str = "") -> None:
        self.sandbox = sandbox
        account = sandbox.box.accounts.known[app_id] if app_id else sandbox.box.accounts.first
        self.credentials = account.credentials(public_url="http://sandbox.example")
        private = load_pem_private_key(
            self.credentials["app_private_key"].encode(), None, unsafe_skip_rsa_key_validation=True
        )
        public = load_pem_public_key(self.credentials["alipay_public_key"].encode())
        assert isinstance(private, RSAPrivateKey)
        assert isinstance(public, RSAPublicKey)
        self.key, self.alipay = private, public

    def params(self, method: str, content: dict[str, Any], /, **common: str) -> dict[str, str]:
        return {
            "app_id": self.credentials["app_id"],
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": beijing(self.sandbox.box.clock.now()),
            "version": "1.0",
            "biz_content": json.dumps(content, ensure_ascii=False),
            **common,
        }

    def sign(self, text: str | bytes) -> str:
        signed = text.encode() if isinstance(text, str) else text
        return b64encode(self.key.sign(signed, PKCS1v15(), SHA256())).decode()

    def signed(self, params: dict[str, str]) -> dict[str, str]:
        text = "&".join(f"{name}={value}" for name, value in sorted(params.items()) if value)
        return params | {"sign": self.sign(text)}

    def send(self, params: dict[str, str]) -> Reply:
        """The common parameters in the query string, the rest in the body."""
        content = {name: value for name, value in params.items() if name == "biz_content"}
        query = {name: value for name, value in params.items() if name != "biz_content"}
        request = Request(
            "POST", "/gateway.do", urlencode(query), urlencode(content).encode(), f"{FORM}; charset=utf-8"
        )
        return Reply(self.sandbox.respond(request), params.get("method", ""))

    def call(self, api: str, content: dict[str, Any] | None = None, /, **common: str) -> Reply:
        method = api if api.startswith("alipay.") else f"alipay.trade.{api}"
        return self.send(self.signed(self.params(method, content or {}, **common)))

    def precreate(self, out_trade_no: str = "P1", amount: str = "1.00", **more: Any) -> Reply:
        content = {"out_trade_no": out_trade_no, "total_amount": amount, "subject": "茶叶 100g"} | more
        return self.call("precreate", content, notify_url=NOTIFY_URL)

    def query(self, out_trade_no: str = "P1") -> Reply:
        return self.call("query", {"out_trade_no": out_trade_no})

    def refund(self, number: str = "R1", amount: str = "0.40", out_trade_no: str = "P1") -> Reply:
        content = {"out_trade_no": out_trade_no, "refund_amount": amount, "out_request_no": number}
        return self.call("refund", content)

    def refund_query(self, number: str = "R1", out_trade_no: str = "P1", **more: Any) -> Reply:
        content = {"out_trade_no": out_trade_no, "out_request_no": number} | more
        return self.call("fastpay.refund.query", content)

    def paid(self, out_trade_no: str = "P1", amount: str = "1.00", **more: Any) -> None:
        """An order that a buyer has scanned and paid, told to the merchant."""
        self.precreate(out_trade_no, amount, **more)
        self.console("pay", out_trade_no)
        self.sandbox.courier.deliver_due()

    def console(self, action: str, out_trade_no: str = "P1", /, **wishes: Any) -> Any:
        return self.ask("POST", f"/sandbox/trades/{out_trade_no}/{action}", **wishes)

    def ask(self, method: str, path: str, /, **content: Any) -> Any:
        """The sandbox's own interface."""
        path, _, query = path.partition("?")
        response = self.sandbox.respond(Request(method, path, query, json.dumps(content).encode()))
        answered = json.loads(response.body)
        return answered | {"status": response.status} if response.status >= 400 else answered

    def control(self, fault: str, **wishes: Any) -> Any:
        return self.ask("POST", "/sandbox/controls", fault=fault, **wishes)

    def trusts(self, raw: str | bytes, signature: str) -> bool:
        try:
            self.alipay.verify(
                b64decode(signature), raw.encode() if isinstance(raw, str) else raw, PKCS1v15(), SHA256()
            )
        except InvalidSignature:
            return False
        return True

    def trusts_form(self, form: dict[str, str]) -> bool:
        text = "&".join(
            f"{name}={value}" for name, value in sorted(form.items()) if value and name not in {"sign", "sign_type"}
        )
        return self.trusts(text.encode(form.get("charset", "utf-8")), form["sign"])

    def trusts_answer(self, reply: Reply) -> bool:
        """The object is cut out of the text as it stands, never written anew."""
        head = f'{{"{reply.method.replace(".", "_")}_response":'
        _, end = json.JSONDecoder().raw_decode(reply.text, len(head))
        return self.trusts(reply.text[len(head) : end], reply.whole.get("sign", ""))


Mutation = Callable[[Merchant, dict[str, str]], dict[str, str]]
