"""The shared contract, held against the sandbox's own implementation of WeChat Pay in a process of its own."""

from __future__ import annotations

import pytest

from sandbox.testing import RunningSandbox
from tests.gateways.contract import GatewayContract
from tests.gateways.letterbox import Letterbox
from tests.gateways.wechatpay.rig import WechatpayRig


class TestWithThePublicKey(GatewayContract):
    @pytest.fixture
    def rig(self, sandbox: RunningSandbox, letterbox: Letterbox) -> WechatpayRig:
        told = sandbox.get("/sandbox/credentials.json?gateway=wechatpay")["wechatpay"]
        return WechatpayRig(sandbox, letterbox, told=told)


class TestWithPlatformCertificates(GatewayContract):
    """The certificates are fetched from the sandbox, by an account that holds none yet."""

    @pytest.fixture(scope="class")
    def told(self, sandbox: RunningSandbox) -> dict[str, str]:
        told: dict[str, str] = sandbox.post("/sandbox/accounts?gateway=wechatpay", mode="certificate")["wechatpay"]
        return told

    @pytest.fixture
    def rig(self, sandbox: RunningSandbox, letterbox: Letterbox, told: dict[str, str]) -> WechatpayRig:
        return WechatpayRig(sandbox, letterbox, told=told)
