from __future__ import annotations

from payments.gateways.event import KEY_LENGTH, fact_key


class TestFactKey:
    def test_is_its_facts(self) -> None:
        assert fact_key("payment", "P1", "T1", "TRADE_SUCCESS") == "payment:P1:T1:TRADE_SUCCESS"

    def test_stays_within_its_width_and_still_tells_long_facts_apart(self) -> None:
        keys = [fact_key("refund", "9" * 64, "8" * 64, "TRADE_SUCCESS", ending) for ending in ("1", "2")]

        assert max(len(key) for key in keys) <= KEY_LENGTH
        assert keys[0] != keys[1]

    def test_holds_nothing_that_a_database_cannot_store(self) -> None:
        key = fact_key("payment", "P1\0", "T1", "TRADE_SUCCESS")

        assert key.isprintable()
        assert key.startswith("payment:")
