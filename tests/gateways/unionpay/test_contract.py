"""The shared contract, held against the sandbox's own implementation of UnionPay in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest

from payments.gateways import AccountConfig, Ack, Environment, Gateway, InboundRequest, NextAction
from payments.gateways.unionpay import UnionpayGateway
from sandbox.testing import RunningSandbox
from tests.gateways.alipay.desk import APP_PRIVATE_KEY
from tests.gateways.contract import Breakdown, GatewayContract
from tests.gateways.letterbox import Letterbox
from tests.gateways.unionpay.desk import MIDDLE, ROOT

FAULTS: dict[Breakdown, dict[str, Any]] = {
    Breakdown.DONE_AND_LOST: {"fault": "hang_up", "executed": True},
    Breakdown.DONE_AND_BADLY_SIGNED: {"fault": "bad_signature"},
    Breakdown.DONE_AND_CUT_SHORT: {"fault": "truncated_answer"},
    Breakdown.SERVER_ERROR: {"fault": "http_error"},
    Breakdown.UNAVAILABLE: {"fault": "system_error"},
}


class UnionpayRig:
    """:param kept: how the account keeps its key"""

    def __init__(self, sandbox: RunningSandbox, letterbox: Letterbox, *, kept: str) -> None:
        self._sandbox = sandbox
        self._letterbox = letterbox
        self._kept = kept
        self._given: dict[str, str] = sandbox.get("/sandbox/credentials.json?gateway=unionpay")["unionpay"]

    @property
    def gateway(self) -> Gateway:
        return self._gateway()

    @property
    def notify_url(self) -> str:
        return self._letterbox.url

    def payer(self) -> str:
        return ""

    def arrive(self, *, payment_no: str, action: NextAction) -> None:
        if action.kind == "form":
            fields = {name: value for name, value in action.data.items() if name != "url"}
            with httpx.Client(trust_env=False, follow_redirects=True) as browser:
                assert browser.post(action.data["url"], data=fields).status_code == 200
        self._sandbox.act(payment_no, "scan")

    def pay(self, *, payment_no: str) -> None:
        self._sandbox.pay(payment_no)

    def notifications(self, *, payment_no: str) -> list[InboundRequest]:
        self._sandbox.settle()
        return [it for it in self._letterbox.received if payment_no.encode() in it.body]

    def resend(self, *, payment_no: str) -> None:
        self._sandbox.act(payment_no, "notify")

    def falsify(self, *, request: InboundRequest) -> list[InboundRequest]:
        fields = dict(parse_qsl(request.body.decode()))
        changes = (
            {"txnAmt": "1"},
            {"respCode": "A6"},
            {"orderId": "P2026112200000001"},
            {"signature": ""},
            {"signMethod": "11"},
            {"signPubKeyCert": fields["signPubKeyCert"].replace("\r\n", "\n")},
        )
        return [replace(request, body=urlencode(fields | change).encode()) for change in changes]

    def news_for_another_account(self, *, payment_no: str) -> InboundRequest:
        self._sandbox.pay(payment_no, faults={"wrong_app_id": ""})
        return self.notifications(payment_no=payment_no)[-1]

    def news_of_another_amount(self, *, payment_no: str, amount_fen: int) -> InboundRequest:
        self._sandbox.pay(payment_no, amount=f"{amount_fen // 100}.{amount_fen % 100:02d}")
        return self.notifications(payment_no=payment_no)[-1]

    def break_next_call(self, *, payment_no: str, how: Breakdown) -> None:
        self._sandbox.control(scope=payment_no, count=1, **FAULTS[how])

    def hold_refunds(self, *, payment_no: str) -> None:
        self._sandbox.control("refund_stuck", scope=payment_no)

    def refunded_fen(self, *, payment_no: str) -> int:
        found: int = self._sandbox.trade(payment_no)["refunded_fen"]
        return found

    def with_foreign_private_key(self) -> Gateway:
        return self._gateway(kept="pem", private_key=APP_PRIVATE_KEY)

    def with_foreign_platform_key(self) -> Gateway:
        return self._gateway(root_cert=ROOT.pem, middle_cert=MIDDLE.pem)

    def _gateway(self, *, kept: str = "", **changes: str) -> UnionpayGateway:
        given = self._given
        return UnionpayGateway(
            config=AccountConfig(
                environment=Environment.SANDBOX,
                settings={"mer_id": given["mer_id"], "mode": kept or self._kept},
                credentials={
                    "signing_pfx": given["merchant_pfx_old"],
                    "pfx_password": given["merchant_pfx_password"],
                    "signing_cert": given["merchant_certificate"],
                    "root_cert": given["root_certificate"],
                    "middle_cert": given["middle_certificate"],
                    **changes,
                },
                base_url=given["gateway_url"],
            )
        )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


@pytest.fixture(scope="module")
def letterbox() -> Iterator[Letterbox]:
    opened = Letterbox(ack=Ack(status=200, body=b"ok", content_type="text/plain"))
    yield opened
    opened.close()


@pytest.fixture
def rig(sandbox: RunningSandbox, letterbox: Letterbox) -> UnionpayRig:
    return UnionpayRig(sandbox, letterbox, kept="pfx")


class TestUnionpay(GatewayContract):
    pass
