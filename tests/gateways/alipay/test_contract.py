"""The shared contract, held against the sandbox's own implementation of Alipay in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest

from payments.gateways import AccountConfig, Ack, Environment, Gateway, InboundRequest, NextAction
from payments.gateways.alipay import AlipayGateway
from sandbox.testing import RunningSandbox
from tests.gateways.alipay.desk import ALIPAY_PUBLIC_KEY, APP_PRIVATE_KEY
from tests.gateways.contract import Breakdown, GatewayContract
from tests.gateways.letterbox import Letterbox

FAULTS: dict[Breakdown, dict[str, object]] = {
    Breakdown.DONE_AND_LOST: {"fault": "hang_up", "executed": True},
    Breakdown.DONE_AND_BADLY_SIGNED: {"fault": "bad_signature"},
    Breakdown.DONE_AND_CUT_SHORT: {"fault": "truncated_answer"},
    Breakdown.SERVER_ERROR: {"fault": "http_error"},
    Breakdown.UNAVAILABLE: {"fault": "system_error"},
}


class AlipayRig:
    mode = "public_key"
    keys = {"private_key": "app_private_key", "alipay_public_key": "alipay_public_key"}  # our name: the sandbox's

    def __init__(self, sandbox: RunningSandbox, letterbox: Letterbox) -> None:
        self._sandbox = sandbox
        self._letterbox = letterbox

    def files(self) -> dict[str, str]:
        """All that a merchant downloads from the console."""
        told: dict[str, str] = self._sandbox.get("/sandbox/alipay/certificates.json")
        return self._sandbox.credentials | told

    @property
    def gateway(self) -> Gateway:
        return self._gateway()

    @property
    def notify_url(self) -> str:
        return self._letterbox.url

    def payer(self) -> str:
        return ""

    def arrive(self, *, payment_no: str, action: NextAction) -> None:
        if action.kind == "redirect":
            httpx.get(action.data["url"], trust_env=False)
        self._sandbox.act(payment_no, "scan")

    def pay(self, *, payment_no: str) -> None:
        self._sandbox.pay(payment_no)

    def notifications(self, *, payment_no: str) -> list[InboundRequest]:
        self._sandbox.settle()
        return [it for it in self._letterbox.received if f"out_trade_no={payment_no}&".encode() in it.body + b"&"]

    def resend(self, *, payment_no: str) -> None:
        self._sandbox.act(payment_no, "notify")

    def falsify(self, *, request: InboundRequest) -> list[InboundRequest]:
        fields = dict(parse_qsl(request.body.decode()))
        changes = (
            {"total_amount": "0.01"},
            {"trade_status": "TRADE_CLOSED"},
            {"out_trade_no": "P1"},
            {"gmt_refund": "2026-11-22 12:00:00"},
            {"sign": ""},
            {"sign_type": "RSA"},
        )
        return [replace(request, body=urlencode(fields | change).encode()) for change in changes]

    def news_for_another_account(self, *, payment_no: str) -> InboundRequest:
        return self._pay_with(payment_no, wrong_app_id="")

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
        return self._gateway(app_private_key=APP_PRIVATE_KEY)

    def with_foreign_platform_key(self) -> Gateway:
        stranger = self._sandbox.post("/sandbox/accounts")["alipay"]
        certificates = self._sandbox.get(f"/sandbox/alipay/certificates.json?app_id={stranger['app_id']}")
        return self._gateway(alipay_public_key=ALIPAY_PUBLIC_KEY, alipay_cert=certificates["alipay_cert"])

    def _pay_with(self, payment_no: str, **faults: str) -> InboundRequest:
        self._sandbox.pay(payment_no, faults=faults)
        return self.notifications(payment_no=payment_no)[-1]

    def _gateway(self, **changes: str) -> AlipayGateway:
        given = self.files() | changes
        return AlipayGateway(
            config=AccountConfig(
                environment=Environment.SANDBOX,
                settings={"mode": self.mode, "app_id": given["app_id"], "seller_id": given["seller_id"]},
                credentials={name: given[theirs] for name, theirs in self.keys.items()},
                base_url=given["gateway_url"],
            )
        )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


@pytest.fixture(scope="module")
def letterbox() -> Iterator[Letterbox]:
    opened = Letterbox(ack=Ack(status=200, body=b"success", content_type="text/plain"))
    yield opened
    opened.close()


@pytest.fixture
def rig(sandbox: RunningSandbox, letterbox: Letterbox) -> AlipayRig:
    return AlipayRig(sandbox, letterbox)


class TestAlipay(GatewayContract):
    pass


class CertificateRig(AlipayRig):
    mode = "certificate"
    keys = {
        "private_key": "app_private_key",
        "app_cert": "app_cert",
        "alipay_cert": "alipay_cert",
        "root_cert": "root_cert",
    }


class TestAlipayWithCertificates(GatewayContract):
    @pytest.fixture
    def rig(self, sandbox: RunningSandbox, letterbox: Letterbox) -> AlipayRig:
        return CertificateRig(sandbox, letterbox)
