from __future__ import annotations

import json
import zlib
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from sandbox.clock import DAY
from sandbox.unionpay.refunds import WORKING
from sandbox.unionpay.statement import WIDTHS

from ..merchant import NOON, Hands
from .shop import Reply, Shop, stamp

LAYOUT = Path(__file__).parents[2] / "gateways" / "vectors" / "unionpay" / "zm_file_layout.json"
TODAY = stamp(NOON)[:8]


def unpack(reply: Reply) -> dict[str, bytes]:
    with ZipFile(BytesIO(zlib.decompress(b64decode(reply.fields["fileContent"])))) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def rows(reply: Reply) -> list[list[str]]:
    """Cut by the published widths, one space between."""
    widths: list[int] = json.loads(LAYOUT.read_text("utf-8"))["ZM_widths"]
    content = next(content for name, content in unpack(reply).items() if "ZM_" in name)
    return [cut(line, widths) for line in content.split(b"\r\n") if line]


def cut(line: bytes, widths: list[int]) -> list[str]:
    found, at = [], 0
    for width in widths:
        found.append(line[at : at + width].decode("gbk").strip())
        at += width + 1
    assert at == len(line) + 1
    return found


@pytest.fixture
def day_after(shop: Shop, hands: Hands) -> Shop:
    """Two payments and a refund of a day that is over."""
    first = shop.paid("PAY00000001", 8880)
    shop.paid("PAY00000002", 500)
    shop.give_back("REFUND000001", 880, of=first)
    hands.pass_by(DAY)
    return shop


def amounts(reply: Reply) -> list[tuple[str, str, int]]:
    return [(row[11], row[19], int(row[6])) for row in rows(reply)]


class TestStatement:
    def test_has_the_published_layout(self) -> None:
        assert list(WIDTHS) == json.loads(LAYOUT.read_text("utf-8"))["ZM_widths"]

    def test_has_a_row_for_each_payment_and_refund(self, day_after: Shop) -> None:
        reply = day_after.statement(TODAY[4:])
        mer_id = day_after.credentials["mer_id"]

        assert day_after.trusts(reply.fields)
        assert reply.fields["fileName"] == f"{mer_id}_{TODAY}.zip"
        assert sorted(unpack(reply)) == [f"INN{TODAY[2:]}88ZME_{mer_id}", f"INN{TODAY[2:]}88ZM_{mer_id}"]
        assert amounts(reply) == [("PAY00000001", "01", 8880), ("PAY00000002", "01", 500), ("REFUND000001", "04", 880)]

    def test_gives_query_ids_fees_and_what_is_settled(self, day_after: Shop) -> None:
        payment, _, refund = rows(day_after.statement(TODAY[4:]))
        trade = day_after.ask("GET", "/sandbox/trades/PAY00000001")

        assert payment[9] == trade["trade_no"] == refund[26]
        assert refund[9] == trade["refunds"][0]["query_id"]
        assert (payment[15], payment[16]) == ("D000000000034", "C000000008846")
        assert (refund[15], refund[16]) == ("D000000000000", "D000000000880")
        assert payment[4] == trade["txn_time"][4:]

    def test_of_a_clearing_day_ends_at_eleven_in_the_evening(self, shop: Shop, hands: Hands) -> None:
        evening = stamp(NOON)[:8]
        seconds_to_cut = 23 * 3_600 - int(stamp(NOON)[8:10]) * 3_600 - int(stamp(NOON)[10:12]) * 60
        hands.pass_by(seconds_to_cut - int(stamp(NOON)[12:14]) - 1)
        shop.paid("PAY00000001")
        hands.pass_by(1)
        shop.paid("PAY00000002")
        hands.pass_by(DAY)
        next_day = stamp(NOON + DAY)[4:8]

        assert [it[0] for it in amounts(shop.statement(evening[4:]))] == ["PAY00000001"]
        assert [it[0] for it in amounts(shop.statement(next_day))] == ["PAY00000002"]

    def test_is_there_when_the_day_is_over(self, shop: Shop) -> None:
        shop.paid()
        early = shop.statement(TODAY[4:]).code
        shop.control("bill_early")

        assert (early, shop.statement(TODAY[4:]).code) == ("98", "00")

    def test_of_a_day_without_trades_is_none(self, day_after: Shop) -> None:
        reply = day_after.statement("0101")

        assert reply.code == "98"
        assert day_after.trusts(reply.fields)

    @pytest.mark.parametrize("day", ["1332", "2026", "today"])
    def test_of_no_day_is_refused(self, shop: Shop, day: str) -> None:
        assert shop.statement(day).code == "10"

    def test_leaves_out_what_has_not_moved(self, shop: Shop, hands: Hands) -> None:
        query_id = shop.paid()
        shop.control("refund_fail", count=1)
        shop.give_back("REFUND000001", 10, of=query_id)
        shop.control("refund_stuck", count=1)
        shop.give_back("REFUND000002", 10, of=query_id)
        hands.pass_by(DAY + WORKING)

        assert [it[0] for it in amounts(shop.statement(TODAY[4:]))] == ["PAY00000001"]

    def test_can_differ_from_the_books(self, day_after: Shop) -> None:
        day_after.control("bill_missing", scope="PAY00000001", count=1)
        day_after.control("bill_changed", scope="PAY00000002", value=-7)
        day_after.control("bill_extra", scope="PAY00000002")

        found: list[Any] = amounts(day_after.statement(TODAY[4:]))

        assert [(number, fen) for number, _, fen in found] == [
            ("PAY00000002", 493),
            ("PAY00000002X", 500),
            ("REFUND000001", 880),
        ]

    def test_can_say_a_thing_twice_or_keep_another_fee(self, day_after: Shop) -> None:
        day_after.control("bill_duplicate", scope="PAY00000001", count=1)
        day_after.control("bill_fee", scope="PAY00000002", value=9, count=1)

        first, again, second, _ = rows(day_after.statement(TODAY[4:]))

        assert first == again
        assert (second[15], second[16]) == ("D000000000009", "C000000000491")

    def test_keeps_to_one_merchants_rows(self, day_after: Shop) -> None:
        made = day_after.ask("POST", "/sandbox/accounts", gateway="unionpay")["unionpay"]

        assert Shop(day_after.sandbox, mer_id=made["mer_id"]).statement(TODAY[4:]).code == "98"
