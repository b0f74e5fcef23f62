"""A new gateway is a folder and a line in the registry, and keeps the contract of all the others."""

from __future__ import annotations

import pytest

from tests.gateways.contract import GatewayContract

from .desk import BankRig


class TestBankTransfer(GatewayContract):
    @pytest.fixture
    def rig(self) -> BankRig:
        return BankRig()
