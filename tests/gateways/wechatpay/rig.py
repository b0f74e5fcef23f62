"""One WeChat Pay account at the sandbox, and hands on the sandbox's side of it."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from payments.gateways import AccountConfig, Environment, Gateway, InboundRequest, NextAction
from payments.gateways.wechatpay import WechatpayGateway
from sandbox.testing import RunningSandbox
from tests.gateways.contract import Breakdown
from tests.gateways.letterbox import Letterbox
from tests.gateways.wechatpay.desk import MERCHANT_PRIVATE_KEY, PLATFORM_PUBLIC_KEY, Wanted, certificate

FAULTS: dict[Breakdown, dict[str, object]] = {
    Breakdown.DONE_AND_LOST: {"fault": "hang_up", "executed": True},
    Breakdown.DONE_AND_BADLY_SIGNED: {"fault": "bad_signature"},
    Breakdown.DONE_AND_CUT_SHORT: {"fault": "truncated_answer"},
    Breakdown.SERVER_ERROR: {"fault": "http_error"},
    Breakdown.UNAVAILABLE: {"fault": "system_error"},
}


SHOP = "https://shop.example/"


class WechatpayRig:
    """
    :param told: what the merchant's console shows
    :param with_certificate: whether the merchant uploaded his own certificate, too
    """

    def __init__(
        self, sandbox: RunningSandbox, letterbox: Letterbox, *, told: dict[str, str], with_certificate: bool = False
    ) -> None:
        self._sandbox = sandbox
        self._letterbox = letterbox
        self._told = told
        self._with_certificate = with_certificate
        self._fetched = told["platform_certificates"] if with_certificate else ""
        if told["mode"] != "public_key" and not with_certificate:
            self._fetched = "".join(key.value for key in self.configured().fetch_keys())

    @property
    def gateway(self) -> Gateway:
        return self.configured()

    @property
    def notify_url(self) -> str:
        return self._letterbox.url

    def payer(self) -> str:
        gateway = self.configured()
        login = gateway.payer_login(return_url="https://shop.example/pay/t/", state="s1")
        back = httpx.get(login, trust_env=False, follow_redirects=False).headers["location"]
        return gateway.payer_of(code=parse_qs(urlsplit(back).query)["code"][0])

    def arrive(self, *, payment_no: str, action: NextAction) -> None:
        if action.kind == "redirect":
            assert httpx.get(action.data["url"], trust_env=False, headers={"Referer": SHOP}).status_code == 200

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
        return self.configured(private_key=MERCHANT_PRIVATE_KEY)

    def with_foreign_platform_key(self) -> Gateway:
        """Under the name of the right one."""
        if not self._fetched:
            return self.configured(platform_public_key=PLATFORM_PUBLIC_KEY)
        serial = x509.load_pem_x509_certificate(self._fetched.encode()).serial_number
        return self.configured(platform_certificate=certificate(Wanted(name="x", key="platform", serial=serial)))

    def _number_in(self, request: InboundRequest) -> str:
        """Of a message to another account, none: it is sealed with another key."""
        sealed = json.loads(request.body)["resource"]
        cipher = AESGCM(self._told["api_v3_key"].encode())
        nonce, context = sealed["nonce"].encode(), sealed["associated_data"].encode()
        try:
            content: dict[str, Any] = json.loads(cipher.decrypt(nonce, b64decode(sealed["ciphertext"]), context))
        except InvalidTag:
            return ""
        return str(content["out_trade_no"])

    def configured(self, **changes: str) -> WechatpayGateway:
        """:param changes: to what the account's fields hold"""
        given, codes = self.values() | changes, {it.code for it in WechatpayGateway.SETTING_FIELDS}
        return WechatpayGateway(
            config=AccountConfig(
                environment=Environment.SANDBOX,
                settings={name: value for name, value in given.items() if value and name in codes},
                credentials={name: value for name, value in given.items() if value and name not in codes},
                base_url=self._told["gateway_url"],
            )
        )

    def values(self) -> dict[str, str]:
        told = self._told
        return {
            "mode": "certificate" if told["mode"] == "certificate" else "public_key",
            "mchid": told["mchid"],
            "appid": told["appid"],
            "serial_no": told["merchant_serial"],
            "platform_public_key_id": told["public_key_id"],
            "private_key": told["merchant_private_key"],
            "merchant_certificate": told["merchant_certificate"] if self._with_certificate else "",
            "apiv3_key": told["api_v3_key"],
            "app_secret": told["app_secret"],
            "platform_public_key": told["public_key"],
            "platform_certificate": self._fetched,
        }
