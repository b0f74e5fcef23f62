from __future__ import annotations

from typing import Any

import pytest

from sandbox.alipay import gateway
from sandbox.faults import CATALOGUE

from .merchant import Hands, Merchant, Reply


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the gateway would have slept."""
    taken: list[float] = []
    monkeypatch.setattr(gateway, "nap", taken.append)
    return taken


def refunded(merchant: Merchant) -> int:
    fen: int = merchant.ask("GET", "/sandbox/ledger.json")["alipay"]["totals"]["refunded_fen"]
    return fen


class TestCalls:
    @pytest.mark.parametrize(
        ("fault", "executed"),
        [
            ("timeout", True),
            ("hang_up", True),
            ("http_error", False),
            ("system_error", False),
            ("acq_system_error", True),
            ("refuse", False),
            ("bad_signature", True),
            ("unsigned_answer", True),
            ("truncated_answer", True),
            ("delay_answer", True),
        ],
    )
    def test_fail_with_or_without_doing_what_was_asked(
        self, merchant: Merchant, naps: list[float], fault: str, executed: bool
    ) -> None:
        merchant.paid()
        merchant.control(fault, count=1)
        merchant.refund("R1", "0.40")

        assert refunded(merchant) == (40 if executed else 0)

    @pytest.mark.parametrize("fault", ["http_error", "system_error", "timeout", "refuse"])
    @pytest.mark.parametrize("executed", [True, False])
    def test_can_be_told_which(self, merchant: Merchant, naps: list[float], fault: str, executed: bool) -> None:
        merchant.paid()
        merchant.control(fault, executed=executed)
        merchant.refund("R1", "0.40")

        assert refunded(merchant) == (40 if executed else 0)

    def test_time_out_without_a_word_after_the_refund_is_done(self, merchant: Merchant, naps: list[float]) -> None:
        merchant.paid()
        merchant.control("timeout", value=30, count=1)

        silent = merchant.refund()

        assert (silent.response.hang_up, naps) == (True, [30.0])
        assert merchant.refund().content["fund_change"] == "N"  # it was done the first time

    def test_answer_late(self, merchant: Merchant, naps: list[float]) -> None:
        merchant.control("delay_answer", value=1.5)

        assert merchant.precreate().verdict == "10000"
        assert naps == [1.5]

    @pytest.mark.parametrize(
        ("fault", "value", "status", "code", "sub_code"),
        [
            ("system_error", "", 200, "20000", "isp.unknow-error"),
            ("acq_system_error", "", 200, "40004", "ACQ.SYSTEM_ERROR"),
            ("refuse", "ACQ.TRADE_NOT_ALLOW_REFUND", 200, "40004", "ACQ.TRADE_NOT_ALLOW_REFUND"),
        ],
    )
    def test_answer_with_a_code(
        self, merchant: Merchant, fault: str, value: str, status: int, code: str, sub_code: str
    ) -> None:
        merchant.control(fault, value=value)

        reply = merchant.precreate()

        assert (reply.response.status, reply.content["code"], reply.verdict) == (status, code, sub_code)

    def test_answer_5xx(self, merchant: Merchant) -> None:
        merchant.control("http_error", value=503)

        assert merchant.precreate().response.status == 503

    def test_answer_cut_short(self, merchant: Merchant) -> None:
        whole = merchant.precreate().response.body
        merchant.control("truncated_answer")

        cut = merchant.precreate().response.body

        assert cut
        assert whole.startswith(cut)
        assert len(cut) < len(whole)

    def test_refuse_a_timestamp_by_a_clock_that_is_off(self, merchant: Merchant) -> None:
        merchant.control("clock_skew", value=-900, count=1)

        assert merchant.precreate().verdict == "isv.invalid-timestamp"
        assert merchant.precreate().verdict == "10000"

    def test_can_suffer_from_two_faults_at_once(self, merchant: Merchant, naps: list[float]) -> None:
        merchant.control("truncated_answer")
        merchant.control("delay_answer", value=2)

        reply = merchant.precreate()

        assert not reply.response.body.endswith(b"}")
        assert naps == [2.0]


class TestControls:
    def fails(self, reply: Reply) -> bool:
        return reply.response.status == 502

    def test_strike_as_often_as_they_are_told(self, merchant: Merchant) -> None:
        merchant.control("http_error", count=2)

        assert [self.fails(merchant.precreate()) for _ in range(3)] == [True, True, False]

    def test_strike_one_order_alone(self, merchant: Merchant) -> None:
        merchant.control("http_error", scope="P2")

        assert [self.fails(merchant.precreate(number)) for number in ("P1", "P2")] == [False, True]

    @pytest.mark.parametrize("api", ["trade.query", "alipay.trade.query"])
    def test_strike_one_method_alone(self, merchant: Merchant, api: str) -> None:
        merchant.control("http_error", api=api)

        assert [self.fails(reply) for reply in (merchant.precreate(), merchant.query())] == [False, True]

    def test_strike_by_percentage_and_the_same_ones_each_time(self, merchant: Merchant) -> None:
        merchant.control("http_error", percent=30)

        struck = sum(self.fails(merchant.precreate(f"P{n}")) for n in range(60))

        assert 8 <= struck <= 28
        assert merchant.ask("GET", "/sandbox/controls")[0]["used"] == struck

    def test_are_listed_and_switched_off(self, merchant: Merchant) -> None:
        first = merchant.control("http_error")
        merchant.control("drop_notify", scope="P1")
        merchant.control("drop_notify", scope="P2")

        merchant.ask("DELETE", f"/sandbox/controls/{first['id']}")
        one_less = [it["scope"] for it in merchant.ask("GET", "/sandbox/controls")]
        merchant.ask("DELETE", "/sandbox/controls?scope=P1")
        two_less = [it["scope"] for it in merchant.ask("GET", "/sandbox/controls")]
        merchant.ask("DELETE", "/sandbox/controls")

        assert (one_less, two_less) == (["P1", "P2"], ["P2"])
        assert merchant.ask("GET", "/sandbox/controls") == []

    @pytest.mark.parametrize(
        "wish",
        [
            {"fault": "explode"},
            {},
            {"fault": "timeout", "percent": "often"},
            {"fault": "timeout", "value": "long"},
            {"fault": "duplicate_notify", "value": "0.5"},
            {"fault": "forge_notify", "value": "nicely"},
        ],
    )
    def test_that_make_no_sense_are_refused_with_words(self, merchant: Merchant, wish: dict[str, Any]) -> None:
        refused = merchant.ask("POST", "/sandbox/controls", **wish)

        assert refused["status"] == 400
        assert refused["error"]
        assert merchant.ask("GET", "/sandbox/controls") == []

    def test_survive_a_restart(self, merchant: Merchant, start: Any) -> None:
        merchant.control("http_error")

        assert self.fails(Merchant(start()).precreate())

    def test_are_all_explained_in_both_languages(self, merchant: Merchant) -> None:
        explained = merchant.ask("GET", "/sandbox/faults.json")

        assert [it["name"] for it in explained] == [fault.name for fault in CATALOGUE]
        assert all(it["zh"] and it["en"] for it in explained)


class TestTags:
    def test_ask_for_a_fault_in_the_subject(self, merchant: Merchant) -> None:
        merchant.paid(subject="茶叶 [sim:drop-notify][sim:duplicate-notify=3]")

        assert [it["state"] for it in merchant.ask("GET", "/sandbox/notifications.json")] == ["dropped"] * 3

    def test_strike_a_call_once(self, merchant: Merchant) -> None:
        merchant.paid(subject="茶叶 [sim:http-error@trade.refund=500]")

        assert [merchant.refund().response.status for _ in range(2)] == [500, 200]

    def test_are_read_with_a_blank_where_a_merchant_may_not_write_an_equals_sign(self, merchant: Merchant) -> None:
        merchant.paid(subject="茶叶 [sim:http-error@trade.refund 503]")

        assert merchant.refund().response.status == 503

    def test_are_read_once_however_often_the_order_is_placed(self, merchant: Merchant) -> None:
        replies = [merchant.precreate(subject="茶叶 [sim:http-error]") for _ in range(3)]

        assert [reply.response.status for reply in replies] == [502, 200, 200]

    def test_that_are_unknown_are_only_words(self, merchant: Merchant) -> None:
        assert merchant.precreate(subject="茶叶 [sim:explode]").verdict == "10000"
        assert merchant.precreate("P2", subject="茶叶 [sim:timeout=long]").verdict == "10000"


class TestClock:
    def test_is_put_forward_and_stays_so(self, merchant: Merchant, hands: Hands, start: Any) -> None:
        merchant.precreate(timeout_express="1h")
        merchant.console("scan")
        merchant.ask("POST", "/sandbox/clock", advance_seconds=3_000)
        merchant.ask("POST", "/sandbox/clock", advance_seconds=600)

        assert merchant.query().content["trade_status"] == "TRADE_CLOSED"
        assert start().box.clock.now() == hands.at + 3_600

    def test_wants_a_number(self, merchant: Merchant) -> None:
        assert merchant.ask("POST", "/sandbox/clock", offset_seconds="soon")["status"] == 400
        assert merchant.ask("POST", "/sandbox/clock")["status"] == 400
