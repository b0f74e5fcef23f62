from __future__ import annotations

import pytest

from payments.gateways import redact
from tests.gateways.alipay.desk import APP_PRIVATE_KEY, form, news

CARD = "6222021234567890128"


class TestRedact:
    @pytest.mark.parametrize(
        ("written", "logged"),
        [
            ("a=1&sign=AbC%2F%3D%3D&b=2", "a=1&sign=***&b=2"),
            ("sign_type=RSA2", "sign_type=RSA2"),
            ('{"sign":"AbC/==","code":"10000"}', '{"sign":"***","code":"10000"}'),
            ("{'buyer_logon_id': '138****0001'}", "{'buyer_logon_id': \"***\"}"),
            ('"buyer_open_id" : "a\\"b"', '"buyer_open_id" : "***"'),
            ("seller 2088001234567890 paid", "seller 2088***7890 paid"),
            (f"card {CARD}", "card 6222***0128"),
            ("order 1234567890123456789", "order 1234567890123456789"),
            ("trade 2026112222001400000000000001", "trade 2026112222001400000000000001"),
        ],
    )
    def test_hides_what_identifies_or_proves_and_leaves_numbers_of_orders(self, written: str, logged: str) -> None:
        assert redact(written) == logged

    def test_hides_keys_whole_or_cut(self) -> None:
        for written in (APP_PRIVATE_KEY, APP_PRIVATE_KEY[:200], APP_PRIVATE_KEY.replace("-----", "")):
            assert not any(line in redact(written) for line in APP_PRIVATE_KEY.splitlines()[1:-1] if len(line) > 8)

    def test_leaves_nothing_private_of_a_notification(self) -> None:
        logged = redact(form(news(buyer_logon_id="138****0001")).decode())

        assert "out_trade_no=P2026112200000001" in logged
        assert not any(private in logged for private in ("138", "2088000000000001", "2088001234567890"))
