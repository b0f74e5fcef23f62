from __future__ import annotations

from datetime import UTC, datetime

import pytest

from payments.gateways.dates import http_date


@pytest.mark.parametrize(
    "text", ["Sun, 22 Nov 2026 04:00:00 GMT", "Sun, 22 Nov 2026 04:00:00 -0000", "Sun, 22 Nov 2026 12:00:00 +0800"]
)
def test_reads_the_moment_of_a_date_header(text: str) -> None:
    assert http_date(text) == datetime(2026, 11, 22, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "Sn, 2" + "8" * 99 + " Nov 2026 0:00 T",
        "Sun, 31 Feb 2026 04:00:00 GMT",
        "1 Jan 0000 0:00 +9999999999",
    ],
)
def test_a_date_that_cannot_be_is_none(text: str) -> None:
    assert http_date(text) is None
