from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.money import plain_yuan
from payments.gateways import EventKind, GatewayEvent, Movement, StatementLine
from payments.gateways.fields import beijing_moment, fen, fen_of_yuan, form_of, link, moment


class TestFenOfYuan:
    @given(st.integers(min_value=0, max_value=10_000_000_000))
    def test_reads_back_every_amount_that_we_write(self, amount_fen: int) -> None:
        assert fen_of_yuan(plain_yuan(amount_fen)) == amount_fen

    @given(st.decimals(min_value=0, max_value=10**8, places=2))
    def test_agrees_with_exact_decimals(self, amount: Decimal) -> None:
        assert fen_of_yuan(f"{amount:f}") == int(amount * 100)

    @pytest.mark.parametrize(
        ("given_yuan", "amount_fen"),
        [("0.1", 10), ("0.10", 10), ("0.100", 10), ("1", 100), ("0.01", 1), ("100000000.00", 10_000_000_000)],
    )
    def test_takes_every_way_to_write_an_amount(self, given_yuan: str, amount_fen: int) -> None:
        assert fen_of_yuan(given_yuan) == amount_fen

    @pytest.mark.parametrize("nonsense", ["0.001", "-1.00", "1e2", "１.００", "1,000.00", ".5", "1.", " 1.00", "NaN"])
    def test_refuses_what_is_not_exactly_an_amount(self, nonsense: str) -> None:
        with pytest.raises(ValueError, match="not an amount"):
            fen_of_yuan(nonsense)

    @pytest.mark.parametrize("nonsense", [None, 1, 1.0, True, ""])
    def test_refuses_what_is_not_text(self, nonsense: object) -> None:
        with pytest.raises(TypeError):
            fen_of_yuan(nonsense)


class TestBeijingMoment:
    @pytest.mark.parametrize("written", ["2026-11-22 12:00:00", "2026-11-22 12:00:00.000"])
    def test_is_eight_hours_ahead_of_utc_wherever_the_server_stands(self, written: str) -> None:
        assert beijing_moment(written) == datetime(2026, 11, 22, 4, 0, tzinfo=UTC)

    @pytest.mark.parametrize(
        "nonsense", ["2026-11-22", "2026-11-22T12:00:00Z", "20261122120000", "2026-13-22 12:00:00"]
    )
    def test_refuses_other_forms(self, nonsense: str) -> None:
        with pytest.raises(ValueError):
            beijing_moment(nonsense)


class TestLink:
    def test_takes_web_addresses(self) -> None:
        assert link("https://qr.alipay.com/bax0") == "https://qr.alipay.com/bax0"

    @pytest.mark.parametrize("nonsense", ["javascript:alert(1)", "//qr.alipay.com", "https://a b", 'https://a"b'])
    def test_refuses_what_a_browser_must_not_be_sent_to(self, nonsense: str) -> None:
        with pytest.raises(ValueError, match="not a web address"):
            link(nonsense)


class TestWhatDatabasesTake:
    def test_an_event_holds_no_nul_and_no_half_of_a_surrogate_pair(self) -> None:
        event = GatewayEvent(kind=EventKind.PAYMENT, message="\0支付\ud800成功\n", payment_no="P\x001")

        assert (event.message, event.payment_no) == ("支付?成功\n", "P1")

    def test_neither_does_a_line_of_a_statement(self) -> None:
        line = StatementLine(line_no=1, movement=Movement.PAYMENT, payment_no="P\0", gateway_trade_no="T", amount_fen=1)

        assert line.payment_no == "P"

    @pytest.mark.parametrize("given", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"])
    def test_a_time_at_the_ends_of_the_calendar_is_none(self, given: str) -> None:
        with pytest.raises(ValueError, match="another age"):
            moment(given)

    def test_neither_is_one_in_beijing(self) -> None:
        with pytest.raises(ValueError, match="another age"):
            beijing_moment("0001-01-01 00:00:00")

    def test_an_amount_beyond_all_money_is_none(self) -> None:
        with pytest.raises(TypeError):
            fen(10**30)


class TestFormOf:
    @given(st.text(max_size=20), st.text(max_size=60))
    def test_writes_every_form_as_the_standard_library_does(self, name: str, value: str) -> None:
        params = {name: value, "sign": "a+b/c=="}

        assert form_of(params) == urlencode(params)
