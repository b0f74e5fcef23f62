from __future__ import annotations

import tracemalloc
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orders.imports import ImportedOrder, read_orders
from tests.requirements import shared

from .files import TMALL, TMALL_ORDER, save_csv, tmall, tmall_rejected


class TestTmallSample:
    def test_names_nobody_and_no_goods_and_has_one_line(self, tmp_path: Path) -> None:
        order = tmall(tmp_path)

        assert (order.source, order.customer_name, order.recipient_name, order.phone) == ("tmall", None, "", "")
        assert (order.province, order.city, order.address_detail) == ("上海市", "", "")
        (line,) = order.lines
        assert (line.quantity, line.unit_price_fen, line.total_fen, line.line_no) == (1, 10_000, 10_000, 1)
        assert line.title
        assert (order.placed_at, order.paid_at) == (
            datetime(2020, 2, 20, 15, 59, 54, tzinfo=UTC),
            datetime(2020, 2, 20, 16, 0, 2, tzinfo=UTC),
        )
        assert (order.raw, order.warnings) == ({}, ())

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, ("completed", "", 10_000, 0)),
            ({"买家实际支付金额": "60.0", "退款金额": "40.0"}, ("completed", "", 10_000, 4_000)),
            ({"买家实际支付金额": "0.0", "退款金额": "100.0"}, ("closed", "fully_refunded", 10_000, 10_000)),
            ({"买家实际支付金额": "0.0", "订单付款时间_": ""}, ("closed", "payment_timeout", 0, 0)),
        ],
        ids=["paid and kept", "partly refunded", "fully refunded", "never paid"],
    )
    def test_is_in_the_state_that_its_money_tells(
        self, tmp_path: Path, changes: dict[str, str], expected: tuple[str, str, int, int]
    ) -> None:
        order = tmall(tmp_path, **changes)

        assert (order.state, order.close_reason, order.paid_fen, order.refunded_fen) == expected

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"退款金额": "0.01"}, "sums_differ"),
            ({"买家实际支付金额": "99.99"}, "sums_differ"),
            ({"买家实际支付金额": "", "退款金额": ""}, "no_amount"),
            ({"总金额": ""}, "no_amount"),
        ],
    )
    def test_is_refused_where_paid_and_refunded_are_not_the_total(
        self, tmp_path: Path, changes: dict[str, str], code: str
    ) -> None:
        assert tmall_rejected(tmp_path, **changes).reason_code == code

    def test_takes_money_without_a_time_for_paid_and_says_so(self, tmp_path: Path) -> None:
        order = tmall(tmp_path, 订单付款时间_="")

        assert (order.state, order.paid_at) == ("completed", order.placed_at)
        assert [reason.code for reason in order.warnings] == ["paid_at_assumed"]


@pytest.fixture(scope="module")
def real_orders() -> list[ImportedOrder]:
    with read_orders(shared("data", "tmall_orders_2020-02.csv")) as file:
        assert (file.profile.code, file.encoding, len(file.matched_headers)) == ("tmall_sample", "utf-8", 7)
        return [row for row in file.rows if isinstance(row, ImportedOrder)]


class TestRealFile:
    def test_has_the_counts_and_sums_that_were_counted_by_hand(self, real_orders: list[ImportedOrder]) -> None:
        assert len(real_orders) == 28_010
        assert Counter((order.state, order.close_reason) for order in real_orders) == {
            ("completed", ""): 24_087 - 5_132,
            ("closed", "fully_refunded"): 5_132,
            ("closed", "payment_timeout"): 3_923,
        }
        assert sum(order.paid_at is not None for order in real_orders) == 24_087
        assert sum(order.refunded_fen > 0 for order in real_orders) == 5_646
        assert sum(order.total_fen for order in real_orders) == 299_576_061
        assert sum(order.paid_fen - order.refunded_fen for order in real_orders) == 190_248_715
        assert sum(order.refunded_fen for order in real_orders) == 57_233_592

    def test_needs_no_assumption(self, real_orders: list[ImportedOrder]) -> None:
        assert not any(order.warnings for order in real_orders)

    def test_names_a_province_for_every_order(self, real_orders: list[ImportedOrder]) -> None:
        provinces = {order.province for order in real_orders}

        assert len(provinces) == 31
        assert all(province.endswith(("省", "市", "自治区")) for province in provinces)

    def test_brings_a_hash_of_its_own_for_every_order(self, real_orders: list[ImportedOrder]) -> None:
        assert len({order.row_hash for order in real_orders}) == 28_010


def test_memory_stays_flat_however_long_the_file(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        path = save_csv(tmp_path, TMALL, *({**TMALL_ORDER, "订单编号": str(number)} for number in range(rows)))
        tracemalloc.start()
        with read_orders(path) as file:
            assert sum(1 for _row in file.rows) == rows
        _now, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(3_000)  # whatever is kept once
    assert peak(9_000) < peak(3_000) + 2**20
