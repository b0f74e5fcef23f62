"""The shared contract, held against the sandbox's own implementation of WeChat Pay in a process of its own."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from payments.gateways import AccountConfig, Ack, Environment, Gateway, InboundRequest, NextAction
from payments.gateways.wechatpay import WechatpayGateway
from sandbox.testing import RunningSandbox
from tests.gateways.contract import Breakdown, GatewayContract
from tests.gateways.letterbox import Letterbox
from tests.gateways.wechatpay.desk import MERCHANT_PRIVATE_KEY, PLATFORM_CERTIFICATE, PLATFORM_PUBLIC_KEY

FAULTS: dict[Breakdown, dict[str, object]] = {
    Breakdown.DONE_AND_LOST: {"fault": "hang_up", "executed": True},
    Breakdown.DONE_AND_BADLY_SIGNED: {"fault": "bad_signature"},
    Breakdown.DONE_AND_CUT_SHORT: {"fault": "truncated_answer"},
    Breakdown.SERVER_ERROR: {"fault": "http_error"},
    Breakdown.UNAVAILABLE: {"fault": "system_error"},
}
REFUND_SECONDS = "0.3"


class WechatpayRig:
    """:param told: what the merchant's console shows"""

    def __init__(self, sandbox: RunningSandbox, letterbox: Letterbox, *, told: dict[str, str]) -> None:
        self._sandbox = sandbox
        self._letterbox = letterbox
        self._told = told
        self._fetched = ""
        if told["mode"] == "certificate":
            self._fetched = "".join(key.value for key in self._gateway().fetch_keys())

    @property
    def gateway(self) -> Gateway:
        return self._gateway()

    @property
    def notify_url(self) -> str:
        return self._letterbox.url

    def payer(self) -> str:
        gateway = self._gateway()
        login = gateway.payer_login(return_url="https://shop.example/pay/t/", state="s1")
        back = httpx.get(login, trust_env=False, follow_redirects=False).headers["location"]
        return gateway.payer_of(code=parse_qs(urlsplit(back).query)["code"][0])

    def arrive(self, *, payment_no: str, action: NextAction) -> None:
        if action.kind == "redirect":
            httpx.get(action.data["url"], trust_env=False)

    def pay(self, *, payment_no: str) -> None:
        self._sandbox.pay(payment_no)

    def notifications(self, *, payment_no: str) -> list[InboundRequest]:
        self._sandbox.settle()
        return [it for it in self._letterbox.received if self._number_in(it) == payment_no]

    def resend(self, *, payment_no: str) -> None:
        self._sandbox.act(payment_no, "notify")

    def falsify(self, *, request: InboundRequest) -> list[InboundRequest]:
        changes = (
            {"Wechatpay-Timestamp": "1624523846"},
            {"Wechatpay-Nonce": "other"},
            {"Wechatpay-Signature": ""},
            {"Wechatpay-Signature-Type": "WECHATPAY2-SM2-WITH-SM3"},
        )
        headers = [replace(request, headers={**request.headers, **change}) for change in changes]
        return [*headers, *(replace(request, body=body) for body in (b"", request.body + b" ", request.body[:-1]))]

    def news_for_another_account(self, *, payment_no: str) -> InboundRequest:
        self._sandbox.pay(payment_no, faults={"wrong_mchid": ""})
        return self.notifications(payment_no=payment_no)[-1]

    def news_of_another_amount(self, *, payment_no: str, amount_fen: int) -> InboundRequest:
        self._sandbox.pay(payment_no, amount=f"{amount_fen // 100}.{amount_fen % 100:02d}")
        return self.notifications(payment_no=payment_no)[-1]

    def break_next_call(self, *, payment_no: str, how: Breakdown) -> None:
        self._sandbox.control(scope=payment_no, count=1, **FAULTS[how])  # type: ignore[arg-type]

    def hold_refunds(self, *, payment_no: str) -> None:
        self._sandbox.control("refund_stuck", scope=payment_no)

    def refunded_fen(self, *, payment_no: str) -> int:
        found: int = self._sandbox.trade(payment_no)["refunded_fen"]
        return found

    def with_foreign_private_key(self) -> Gateway:
        return self._gateway(private_key=MERCHANT_PRIVATE_KEY)

    def with_foreign_platform_key(self) -> Gateway:
        """In certificate mode the number of the key is in the certificate, so the key is simply not here."""
        return self._gateway(platform_public_key=PLATFORM_PUBLIC_KEY)

    def _number_in(self, request: InboundRequest) -> str:
        sealed = json.loads(request.body)["resource"]
        cipher = AESGCM(self._told["api_v3_key"].encode())
        nonce, context = sealed["nonce"].encode(), sealed["associated_data"].encode()
        content: dict[str, Any] = json.loads(cipher.decrypt(nonce, b64decode(sealed["ciphertext"]), context))
        return str(content["out_trade_no"])

    def _gateway(self, **changes: str) -> WechatpayGateway:
        given = self._told
        credentials = {
            "private_key": given["merchant_private_key"],
            "apiv3_key": given["api_v3_key"],
            "app_secret": given["app_secret"],
            "platform_public_key": given["public_key"],
            "platform_certificate": self._fetched,
        }
        settings = {
            "mode": given["mode"],
            "mchid": given["mchid"],
            "appid": given["appid"],
            "serial_no": given["merchant_serial"],
            "platform_public_key_id": given["public_key_id"],
        }
        return WechatpayGateway(
            config=AccountConfig(
                environment=Environment.SANDBOX,
                settings={name: value for name, value in settings.items() if value},
                credentials={name: value for name, value in (credentials | changes).items() if value},
                base_url=given["gateway_url"],
            )
        )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        running.control("refund_delay", value=REFUND_SECONDS)
        yield running


@pytest.fixture(scope="module")
def letterbox() -> Iterator[Letterbox]:
    opened = Letterbox(ack=Ack(status=200, body=b'{"code":"SUCCESS"}', content_type="application/json"))
    yield opened
    opened.close()


@pytest.fixture
def rig(sandbox: RunningSandbox, letterbox: Letterbox) -> WechatpayRig:
    told = sandbox.get("/sandbox/credentials.json?gateway=wechatpay")["wechatpay"]
    return WechatpayRig(sandbox, letterbox, told=told)


class TestWechatpay(GatewayContract):
    pass
