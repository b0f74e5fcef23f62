from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.alipay.refusals import Refused
from sandbox.app import Sandbox
from sandbox.clock import DAY, beijing
from sandbox.seeding import Past

from .merchant import NOON, Mailbox, Merchant

LAST_WEEK = NOON - 7 * DAY


@pytest.fixture
def past(state_dir: Path) -> Past:
    written = Past(state_dir)
    written.pay(out_trade_no="P1", subject="茶叶", total_fen=8880, at=LAST_WEEK, notify_url="https://shop.example/")
    return written


class TestPast:
    def test_is_what_the_server_knows_when_it_starts(
        self, past: Past, start: Callable[..., Sandbox], mailbox: Mailbox
    ) -> None:
        past.refund(out_trade_no="P1", out_request_no="R1", amount_fen=880, at=LAST_WEEK + DAY)
        past.close()
        merchant = Merchant(start())
        merchant.sandbox.courier.deliver_due()

        assert merchant.query().content["send_pay_date"] == beijing(LAST_WEEK)
        assert merchant.refund_query("R1").content["refund_amount"] == "8.80"
        assert merchant.ask("GET", "/sandbox/ledger.json")["alipay"]["totals"]["net_fen"] == 8000
        assert mailbox.letters == []  # what was paid then was told then

    def test_keeps_to_the_rules(self, past: Past) -> None:
        with pytest.raises(Refused, match=r"ACQ\.TRADE_HAS_SUCCESS"):
            past.pay(out_trade_no="P1", subject="茶叶", total_fen=8880, at=LAST_WEEK, notify_url="")
        with pytest.raises(Refused, match=r"ACQ\.REASON_TRADE_REFUND_FEE_ERR"):
            past.refund(out_trade_no="P1", out_request_no="R1", amount_fen=8881, at=LAST_WEEK)
