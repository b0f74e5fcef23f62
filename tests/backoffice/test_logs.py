from __future__ import annotations

import logging
import sys

import pytest

from backoffice.logs import LineFormatter, redact
from kernel.trace import tracing


class TestRedact:
    @pytest.mark.parametrize(
        ("text", "kept"),
        [
            ("call 13812345678 now", "call 138****5678 now"),
            ("call +86 13812345678", "call 138****5678"),
            ("id 110105199003071234", "id 110105************"),
            ("to zhang.wei@example.com", "to z***@example.com"),
            ("GET /pay/9fQk_x-7 200", "GET /pay/*** 200"),
            ("POST /webhooks/8c1d/ 200", "POST /webhooks/***/ 200"),
            ("password=hunter2&next=/", "password=***&next=/"),
            ("{'secret': 'abc', 'n': 1}", "{'secret': '***', 'n': 1}"),
            ("sign=Zm9v+b/r==&sign_type=RSA2", "sign=***&sign_type=RSA2"),
            ("Authorization: Bearer abc.def", "Authorization: ***"),
            ("postgres://shop:hunter2@db/shop", "postgres://shop:***@db/shop"),
            ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----.", "-----KEY-----."),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE cut short", "-----KEY-----"),
        ],
    )
    def test_takes_out_what_nobody_may_read(self, text: str, kept: str) -> None:
        assert redact(text) == kept

    @pytest.mark.parametrize(
        "text", ["order 2026112213812345678 paid 9900 fen", "12345678901234567890", "signed in", "took 138.12345678 s"]
    )
    def test_keeps_order_numbers_and_amounts(self, text: str) -> None:
        assert redact(text) == text


class TestLineFormatter:
    def test_shows_the_trace_id_that_people_see(self) -> None:
        with tracing("7f3a"):
            line = LineFormatter().format(logging.LogRecord("orders", logging.INFO, "", 0, "closed", (), None))

        assert line.endswith("INFO orders [7f3a] closed")

    def test_redacts_arguments_and_tracebacks(self) -> None:
        try:
            raise ValueError("bad phone 13812345678")
        except ValueError:
            record = logging.LogRecord("orders", logging.ERROR, "", 0, "token=%s", ("abc",), sys.exc_info())

        line = LineFormatter().format(record)

        assert "abc" not in line
        assert "13812345678" not in line
        assert "bad phone 138****5678" in line
